import type { ValueValidator } from './call-options.js';
import { atOnce } from '../vocabulary/option-functions.js';
import type { StoredEntry } from '../ports/cache-adapter.port.js';

/**
 * Whether a stored value passes; true without a validator, false when the validator throws or the value cannot be read.
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

/** As `isValid` for a function; false for a schema, which may take its time. */
export function isValidAtOnce<T>(validate: ValueValidator<T>, entry: StoredEntry): boolean {
  if (typeof validate !== 'function') return false;
  try {
    return Boolean(atOnce(validate(entry.shared)));
  } catch {
    return false;
  }
}
