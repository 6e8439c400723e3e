import { Stream } from 'node:stream';
import { types as nodeTypes } from 'node:util';
import { isObservable } from 'rxjs';
import { classNameOf, hiddenInClass, hiddenPart } from './hidden-state.js';
import type { ValueTypes } from '../vocabulary/value-types.js';

/**
 * The reason why an instance cannot be stored, and the fix, to complete a sentence. It never advises to store a copy of
 * all fields: that would publish the fields of an entity that a serializer leaves out.
 */
export function refusalOf(value: object, types: ValueTypes): string {
  if (nodeTypes.isPromise(value)) return 'is a Promise; await it first';
  if (isObservable(value))
    return (
      'is an Observable, which runs when it is subscribed to; store what it emits: ' +
      '`await firstValueFrom(...)`, of rxjs'
    );
  if (value instanceof Response) return 'is a Response of fetch; store what it holds, such as `await response.json()`';
  if (value instanceof Stream) return 'is a stream; read it to its end and store the bytes';
  if (nodeTypes.isWeakMap(value) || nodeTypes.isWeakSet(value))
    return 'holds its content weakly; store a Map or a Set instead';
  const name = classNameOf(value);
  if (name === undefined)
    return (
      'is an instance of an unnamed class. To cache it as one, give the class a name and list it in `types`, ' +
      'or store a plain object of the fields that readers need'
    );
  if (types.of(value) === undefined && types.named(name) !== undefined) {
    return (
      `is an instance of another class ${name} than the one in \`types\`. ` +
      `Import both from the same module, or list this one under another name: ${withParts(name)}`
    );
  }
  const hidden = hiddenPart(value);
  if (hidden === undefined || isBare(value))
    return (
      `is an instance of ${name}. To cache it as one, list the class: ` + `CacheKitModule.forRoot({ types: [${name}] })`
    );
  return (
    `is an instance of ${name}, which has ${hidden}. ` +
    `To cache it as one, say what is stored of it and how it is made again: ${withParts(name)}`
  );
}

/** True for an instance without any field: its state may be elsewhere, which only its author knows. */
function isBare(value: object): boolean {
  return Reflect.ownKeys(value).length === 0 && hiddenInClass(Object.getPrototypeOf(value) as object) === undefined;
}

function withParts(name: string): string {
  const type = `{ name: '${name}', class: ${name}, to: (value) => ..., from: (stored) => ... }`;
  return `CacheKitModule.forRoot({ types: [${type}] })`;
}
