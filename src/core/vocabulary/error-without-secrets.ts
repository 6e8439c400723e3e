import { types } from 'node:util';
import { withoutCredentials } from './show.js';

/** Properties of network errors that contain no secret. */
const FACTS = ['code', 'errno', 'syscall', 'address', 'port', 'hostname'] as const;
/** Properties in which ioredis, Node and callers put other errors. */
const OTHERS = ['cause', 'lastNodeError', 'errors', 'previousErrors'] as const;
/** Nested errors that are copied, in levels. */
const DEEPEST = 10;

/**
 * Copies an error without its secrets. ioredis attaches the command to an error: the password of AUTH and HELLO, or
 * keys and values. Servers repeat the arguments of an unknown command. The error itself is not changed, because the
 * owner of a client that was passed in sees it, too. Its stack is not copied: reading it costs more than all the rest,
 * and it only shows the parser of ioredis.
 */
export function errorWithoutSecrets(error: unknown): Error {
  return copyOf(error, 0);
}

function copyOf(error: unknown, depth: number): Error {
  if (!isError(error)) return new Error(textWithoutSecrets(String(error)));
  const copy = new Error(textWithoutSecrets(error.message));
  hide(copy, 'name', error.name);
  const given = error as unknown as Record<string, unknown>;
  for (const fact of FACTS) {
    const value = given[fact];
    if (typeof value === 'number') Object.assign(copy, { [fact]: value });
    if (typeof value === 'string') Object.assign(copy, { [fact]: withoutCredentials(value) });
  }
  if (depth === DEEPEST) return copy;
  for (const other of OTHERS) {
    const value = given[other];
    if (Array.isArray(value))
      hide(
        copy,
        other,
        value.map((each) => copyOf(each, depth + 1)),
      );
    else if (isError(value)) hide(copy, other, copyOf(value, depth + 1));
  }
  return copy;
}

function textWithoutSecrets(text: string): string {
  return withoutCredentials(text).replace(/, with args beginning with:.*$/m, '');
}

/** True for errors of Node, too: in a sandbox, such as that of Jest, they are not instances of its `Error`. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** Sets a property that can be read and is not enumerable, as errors have them. */
function hide(copy: Error, name: string, value: unknown): void {
  Object.defineProperty(copy, name, { value, configurable: true, enumerable: false, writable: true });
}
