/*
 * Dictionaries of Structured Fields (RFC 9651 section 3.2), as far as a cache needs them: the members of a header. An
 * invalid header is ignored as a whole.
 */

const KEY = '[a-z*][a-z0-9_.*-]*';
const INTEGER = '-?\\d{1,15}';
const STRING = '"(?:[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]|\\\\["\\\\])*"';
const TOKEN = "[A-Za-z*][A-Za-z0-9!#$%&'*+.^_`|~:/-]*";
const BARE_ITEM = `(?:-?\\d{1,12}\\.\\d{1,3}|${INTEGER}|${STRING}|${TOKEN}|:[A-Za-z0-9+/=]*:|\\?[01]|@${INTEGER})`;
const PARAMETERS = `(?:;[ ]*${KEY}(?:=${BARE_ITEM})?)*`;
const INNER_LIST = `\\([ ]*(?:${BARE_ITEM}${PARAMETERS}(?:[ ]+${BARE_ITEM}${PARAMETERS})*[ ]*)?\\)`;
const MEMBER = new RegExp(`(${KEY})(?:=(${INNER_LIST}|${BARE_ITEM}))?${PARAMETERS}`, 'y');
const SEPARATOR = /[ \t]*,[ \t]*/y;

/**
 * The members of a dictionary by key; `true` for one without a value, the last one for a key given twice. `undefined`
 * for an invalid header.
 */
export function parseDictionary(field: string): ReadonlyMap<string, string | true> | undefined {
  const text = field.replace(/^ +| +$/g, '');
  const members = new Map<string, string | true>();
  for (let at = 0; at < text.length;) {
    MEMBER.lastIndex = at;
    const member = MEMBER.exec(text);
    if (member === null) return undefined;
    members.set(member[1] as string, member[2] ?? true);
    if (MEMBER.lastIndex === text.length) return members;
    SEPARATOR.lastIndex = MEMBER.lastIndex;
    if (!SEPARATOR.test(text) || SEPARATOR.lastIndex === text.length) return undefined;
    at = SEPARATOR.lastIndex;
  }
  return members;
}
