import { fileURLToPath } from 'node:url';

/*
 * One process can load several copies of the kit: its ES modules and its CommonJS form (when a bundler or a test runner
 * uses different ones for `import` and `require`), or two installed versions. Every copy registers itself in one list
 * of the process, so that `CacheKitModule.forRoot()` of one copy can provide its cache to classes that import the kit
 * from another copy. The list holds classes weakly: a test runner that resets its modules loads many copies.
 */

/** The version in package.json. A test compares both. */
export const VERSION = '0.1.0';

type AnyClass = abstract new (...args: never[]) => unknown;

/** A loaded copy of the kit. */
export interface Copy {
  readonly version: string;
  /** The directory or bundle from which it was loaded. */
  readonly place: string;
}

interface CopyInList extends Copy {
  readonly service: WeakRef<AnyClass>;
}

export const THIS_COPY: Copy = { version: VERSION, place: placeOfThisFile() };

/** Registers this copy. @param service the class that is the injection token of its default cache */
export function enterCopy(service: AnyClass): void {
  const copies = list();
  const living = copies.filter((copy) => copy.service.deref() !== undefined);
  copies.splice(0, copies.length, ...living, { ...THIS_COPY, service: new WeakRef(service) });
}

/** All copies except the one whose service class is `own`, with their service classes. */
export function otherCopies(own: AnyClass): { readonly copy: Copy; readonly service: AnyClass }[] {
  return list().flatMap((copy) => {
    const service = copy.service.deref();
    return service === undefined || service === own ? [] : [{ copy, service }];
  });
}

/** An object that all copies of this version share. */
export function sharedByCopies<T extends object>(name: string, make: () => T): T {
  const shared = globalThis as Record<symbol, T | undefined>;
  return (shared[Symbol.for(`nestjs-cache-kit.${name} of ${VERSION}`)] ??= make());
}

/**
 * Makes `instanceof` true for instances of this class of any copy. Subclasses are compared as usual.
 * @param name the name of the class, which a bundler may have changed
 */
export function recognizeInAllCopies(own: AnyClass, name: string): void {
  const mark = Symbol.for(`nestjs-cache-kit.${name}`);
  Object.defineProperty(own.prototype, mark, { value: true });
  Object.defineProperty(own, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      if (this !== own) return Function.prototype[Symbol.hasInstance].call(this as never, value);
      return typeof value === 'object' && value !== null && mark in value;
    },
  });
}

function list(): CopyInList[] {
  const shared = globalThis as Record<symbol, CopyInList[] | undefined>;
  return (shared[Symbol.for('nestjs-cache-kit.copies')] ??= []);
}

/** Reads the place from the stack of an error, the only way that works both in ES modules and in CommonJS. */
function placeOfThisFile(): string {
  const frame = String(new Error().stack).split('\n')[1] ?? '';
  const file = / \(?((?:[\w-]+:|\/).*):\d+:\d+\)?$/.exec(frame)?.[1];
  if (file === undefined) return 'an unknown place';
  return (file.startsWith('file:') ? fileURLToPath(file) : file).replace(
    /[/\\]core[/\\]vocabulary[/\\]copies\.[jt]s$/,
    '',
  );
}
