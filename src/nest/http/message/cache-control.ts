import type { HeaderMap, HeaderValue } from '../exchange/exchange.js';
import { parseDictionary } from './structured-dictionary.js';

/** Directives by name in lower case; `true` for one without an argument. Arguments have no quotes. */
export type Directives = ReadonlyMap<string, string | true>;

/** The directives of a response, and the header they come from. */
export interface ResponseDirectives {
  readonly directives: Directives;
  /** True when they come from a header for certain caches only; `Expires` does not count then. */
  readonly isTargeted: boolean;
}

const DIRECTIVE = /([^\s",;=]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s",;]*))?/g;

/** Greatest number of seconds that a directive can have (RFC 9111 section 1.2.2). */
const MAX_DELTA_SECONDS = 2 ** 31;

/** Header with directives for this cache alone; it is not sent to clients. */
export const OWN_FIELD = 'nest-cache-control';

/** Headers from the narrowest audience to the widest; the first valid one counts (RFC 9213 section 2.2). */
const TARGETED_FIELDS = [OWN_FIELD, 'cdn-cache-control'];

/** Reads `Cache-Control` (RFC 9111 section 5.2). If a directive is given twice, the stricter one counts. */
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

/** The directives that this cache obeys: those of a targeted header, or else those of `Cache-Control`. */
export function responseDirectives(headers: HeaderMap): ResponseDirectives {
  for (const name of TARGETED_FIELDS) {
    const directives = headers[name] === undefined ? undefined : parseTargeted(String(headers[name]));
    if (directives !== undefined && directives.size > 0) return { directives, isTargeted: true };
  }
  return { directives: parseCacheControl(headers['cache-control']), isTargeted: false };
}

const SECONDS = ['max-age', 's-maxage', 'stale-while-revalidate', 'stale-if-error'];

/** `undefined` for an invalid header: no dictionary, or seconds that are no integer (RFC 9213 section 2.1). */
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

/** The seconds of a directive; 0 for an invalid number, `undefined` without the directive. */
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
