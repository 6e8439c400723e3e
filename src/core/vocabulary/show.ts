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

/** Replaces user name and password of every URL in a text: `redis://user:secret@host` becomes `redis://***@host`. */
export function withoutCredentials(text: string): string {
  // A password that is not escaped can contain a slash or an @, so everything before the last @ is replaced.
  return text.replace(/(\w:\/\/)\S*@/g, '$1***@').replace(/([?&]\w*pass\w*=)[^\s&]*/gi, '$1***');
}

/**
 * Shows a text that should be a URL, or a list of addresses, and is not valid. Any part of it could be the password, so
 * the result has only parts that cannot be one: the scheme, and host names with their ports.
 */
export function shapeOfUrl(text: string): string {
  return text
    .split(/(?<=,)/)
    .map(shapeOfOne)
    .join('');
}

function shapeOfOne(text: string): string {
  const [, space = '', scheme = '', rest = ''] = /^(\s*)([a-z][\w+.-]*:\/{0,2}(?=\D|$))?(.*)$/is.exec(text) ?? [];
  const at = rest.lastIndexOf('@');
  const place = rest
    .slice(at + 1)
    .replace(/[?#].*$/s, '')
    .replace(/:(?!\d{1,5}(?=[/,]|$))[^:/,]+/g, ':***');
  return `${space}${scheme}${at < 0 ? '' : '***@'}${place}`;
}
