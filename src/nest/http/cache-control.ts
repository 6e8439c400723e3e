import type { HeaderMap, HeaderValue } from './exchange.js';
import { parseHttpDate } from './http-date.js';

/** Directives by lower-case name; `true` for one without an argument. Quotes are taken off. */
export type Directives = ReadonlyMap<string, string | true>;

const DIRECTIVE = /([^\s",;=]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s",;]*))?/g;

/** The greatest delta-seconds that a cache has to know (RFC 9111 section 1.2.2). */
const MAX_DELTA_SECONDS = 2 ** 31;

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

/**
 * How long the response says that it is fresh in a shared cache: `s-maxage` before `max-age` before `Expires`
 * (RFC 9111 section 4.2.1). 0 for a value that cannot be read (section 4.2.1, last paragraph); `undefined` when the
 * response says nothing.
 */
export function declaredLifetimeMs(directives: Directives, headers: HeaderMap, nowMs: number): number | undefined {
  const seconds = directives.get('s-maxage') ?? directives.get('max-age');
  if (seconds !== undefined) return deltaSeconds(seconds) * 1000;
  if (headers.expires === undefined) return undefined;
  const expires = Array.isArray(headers.expires) ? undefined : parseHttpDate(String(headers.expires));
  return expires === undefined ? 0 : Math.max(0, expires - nowMs);
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
