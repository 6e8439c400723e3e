/** Hides user name and password of every URL in a text: `redis://user:secret@host` becomes `redis://***@host`. */
export function withoutCredentials(text: string): string {
  // A password that is not escaped may hold a slash, and an @: all up to the last @ is taken for it.
  return text.replace(/(\w:\/\/)\S*@/g, '$1***@').replace(/([?&]\w*pass\w*=)[^\s&]*/gi, '$1***');
}

/**
 * Shows a text that was to be a URL, or a list of addresses, and is none. Nobody knows which part of it is the
 * password, so only what can be none is left: the scheme, and names of hosts with their ports.
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
