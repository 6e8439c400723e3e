import type { ValueValidator } from './call-options.js';
import { atOnce } from '../vocabulary/option-functions.js';
import type { StoredEntry } from '../ports/cache-adapter.port.js';

/**
 * True when a stored value passes its validation, or has none. False when the validator throws, or when the value
 * cannot be read.
 */
export async function isValid(validate: ValueValidator<unknown> | undefined, entry: StoredEntry): Promise<boolean> {
  if (validate === undefined || typeof validate === 'function')
    return validate === undefined || isValidAtOnce(validate, entry);
  try {
    return (await validate['~standard'].validate(entry.shared)).issues === undefined;
  } catch {
    return false;
  }
}

/** Does the same as `isValid` for a function. False for a schema, because a schema may answer later. */
export function isValidAtOnce<T>(validate: ValueValidator<T>, entry: StoredEntry): boolean {
  if (typeof validate !== 'function') return false;
  try {
    return Boolean(atOnce(validate(entry.shared)));
  } catch {
    return false;
  }
}
