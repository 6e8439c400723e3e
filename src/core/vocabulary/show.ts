import { withoutCredentials } from './masked-text.js';

/** Text that would be read as a number, a constant or nothing. */
const LOOKS_LIKE_ANOTHER_KIND = /^(\s*|[-+]?[\d.]{1,20}([eE][-+]?\d+)?n?|true|false|null|undefined|NaN|-?Infinity)$/;

/** A short, safe picture of a user's value for an error message. */
export function show(value: unknown): string {
  if (typeof value === 'string') return showText(value);
  if (typeof value === 'function') return `function ${value.name || '(anonymous)'}`;
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null)
    return `an object (${(value as { constructor?: { name?: string } }).constructor?.name ?? 'no prototype'})`;
  return String(value);
}

function showText(given: string): string {
  const text = withoutCredentials(given);
  if (LOOKS_LIKE_ANOTHER_KIND.test(text)) return `'${text}'`;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
