import { types } from 'node:util';
import { withoutCredentials } from '../../../core/vocabulary/masked-text.js';

/** What may be read of an error of the network, beside name, message and stack. */
const FACTS = ['code', 'errno', 'syscall', 'address', 'port', 'hostname'] as const;
/** Where ioredis, Node and callers put other errors. */
const OTHERS = ['cause', 'lastNodeError', 'errors', 'previousErrors'] as const;
const DEEPEST = 10;

/**
 * The same error without what nobody must read. ioredis attaches the command to an error: the password of AUTH and
 * HELLO, or keys and values. Servers repeat the arguments of a command that they do not know. Made again, and not
 * changed: the owner of a client that was handed in sees the same error. Its stack is not read: that costs more than
 * all else, and shows the parser of ioredis.
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

/** Node's own errors are no instances of the `Error` of a sandbox, such as that of Jest. */
function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}

/** As errors have it: to be read, and not listed. */
function hide(copy: Error, name: string, value: unknown): void {
  Object.defineProperty(copy, name, { value, configurable: true, enumerable: false, writable: true });
}
