import type { HeaderMap, HeaderValue } from '../exchange/exchange.js';
import { parseDictionary } from './structured-dictionary.js';

/** Directives by lower-case name; `true` for one without an argument. Quotes are taken off. */
export type Directives = ReadonlyMap<string, string | true>;

/** What a response says about its storage, and where it says it. */
export interface ResponseDirectives {
  readonly directives: Directives;
  /** Said in a field for caches like this one: then `Expires` does not count either. */
  readonly isTargeted: boolean;
}

const DIRECTIVE = /([^\s",;=]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s",;]*))?/g;

/** The greatest delta-seconds that a cache has to know (RFC 9111 section 1.2.2). */
const MAX_DELTA_SECONDS = 2 ** 31;

/** The field for this cache alone; nobody behind it is to see it. */
export const OWN_FIELD = 'nest-cache-control';

/** From the narrowest audience to the widest; the first that is there and valid counts (RFC 9213 section 2.2). */
const TARGETED_FIELDS = [OWN_FIELD, 'cdn-cache-control'];

/** Reads `Cache-Control` (RFC 9111 section 5.2). Of a directive that is given twice the more restrictive one counts. */
export function parseCacheControl(value: HeaderValue | undefined): Directives {
  const directives = new Map<string, string | true>();
  for (const [, name, argument] of String(value ?? '').matchAll(DIRECTIVE)) {
    const key = (name as string).toLowerCase();
    const given = argument === undefined ? true : unquoted(argument);
    const earlier = directives.get(key);
    directives.set(key, earlier === undefined ? given : stricter(earlier, given));
  }
  return directives;
}

/** The directives that this cache obeys: those of a targeted field, or else those of `Cache-Control`. */
export function responseDirectives(headers: HeaderMap): ResponseDirectives {
  for (const name of TARGETED_FIELDS) {
    const directives = headers[name] === undefined ? undefined : parseTargeted(String(headers[name]));
    if (directives !== undefined && directives.size > 0) return { directives, isTargeted: true };
  }
  return { directives: parseCacheControl(headers['cache-control']), isTargeted: false };
}

const SECONDS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'];

/** `undefined` for a field to be ignored: no dictionary, or seconds that are no integer (RFC 9213 section 2.1). */
function parseTargeted(field: string): Directives | undefined {
  const members = parseDictionary(field);
  if (members === undefined) return undefined;
  const isSound = SECONDS.every((name) => !members.has(name) || /^-?\d+$/.test(String(members.get(name))));
  return isSound
    ? new Map(
        [...members]
          .filter(([, value]) => value !== '?0')
          .map(([name, value]) => [name, value === '?1' ? true : value]),
      )
    : undefined;
}

/**
 * The argument of a directive that is a number of seconds; 0 for a bad one, `undefined` where the directive is missing.
 */
export function secondsOf(directives: Directives, name: string): number | undefined {
  const value = directives.get(name);
  return value === undefined ? undefined : deltaSeconds(value);
}

function deltaSeconds(value: string | true): number {
  return typeof value === 'string' && /^\d+$/.test(value) ? Math.min(Number(value), MAX_DELTA_SECONDS) : 0;
}

function stricter(one: string | true, other: string | true): string | true {
  if (one === true || other === true) return true;
  return deltaSeconds(other) < deltaSeconds(one) ? other : one;
}

function unquoted(argument: string): string {
  return argument.startsWith('"') ? argument.slice(1, -1).replace(/\\(.)/g, '$1') : argument;
}
