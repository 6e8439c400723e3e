import type { ValueValidator } from './call-options.js';

/** Whether a stored value passes; true without a validator, false when the validator throws. */
export async function isValid(validate: ValueValidator<unknown> | undefined, value: unknown): Promise<boolean> {
  if (validate === undefined || typeof validate === 'function') return validate === undefined || isValidAtOnce(validate, value);
  try {
    return (await validate['~standard'].validate(value)).issues === undefined;
  } catch {
    return false;
  }
}

/** As `isValid` for a function; false for a schema, which may take its time. */
export function isValidAtOnce<T>(validate: ValueValidator<T>, value: unknown): boolean {
  if (typeof validate !== 'function') return false;
  try {
    return validate(value);
  } catch {
    return false;
  }
}
