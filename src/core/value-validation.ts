import type { ValueValidator } from './call-options.js';

/** Whether a stored value passes; true without a validator, false when the validator throws. */
export async function isValid(validate: ValueValidator<unknown> | undefined, value: unknown): Promise<boolean> {
  if (validate === undefined) return true;
  try {
    return typeof validate === 'function' ? validate(value) : (await validate['~standard'].validate(value)).issues === undefined;
  } catch {
    return false;
  }
}
