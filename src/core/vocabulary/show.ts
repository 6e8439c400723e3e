import { withoutCredentials } from './masked-text.js';

/** Text that looks like a number, a constant or nothing. Such text is shown in quotes. */
const LOOKS_LIKE_ANOTHER_KIND = /^(\s*|[-+]?[\d.]{1,20}([eE][-+]?\d+)?n?|true|false|null|undefined|NaN|-?Infinity)$/;

/** Describes a value of the user in an error message, in a short form and without credentials. */
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
