import { badRequest } from './bad-request.js';

const maxLength = 100;
const maxPrice = 99_999_999.99;

/** Returns the fields of a JSON body; none where there is no body, or it is not an object. */
export function fieldsOf(body: unknown): Record<string, unknown> {
  return typeof body === 'object' && body !== null ? { ...body } : {};
}

/** Returns the trimmed text; `undefined` where there is none. */
export function optionalText(label: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw badRequest(`${label} must be a single text`);
  // Postgres stores neither NUL characters nor lone surrogates.
  if (value.includes('\0') || !value.isWellFormed())
    throw badRequest(`${label} contains characters that cannot be stored`);
  const text = value.trim();
  if (text.length > maxLength) throw badRequest(`${label} must have at most ${maxLength} characters`);
  return text === '' ? undefined : text;
}

export function requiredText(label: string, value: unknown): string {
  const text = optionalText(label, value);
  if (text === undefined) throw badRequest(`${label} is required`);
  return text;
}

export function price(value: unknown): number {
  if (typeof value === 'number' && value >= 0 && value <= maxPrice && Number(value.toFixed(2)) === value) return value;
  throw badRequest(`Price must be a number from 0 to ${maxPrice} with at most two decimals, such as 299.99`);
}

export function wholeNumber(label: string, value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 1_000_000) return value;
  throw badRequest(`${label} must be a whole number from 0 to 1000000`);
}
