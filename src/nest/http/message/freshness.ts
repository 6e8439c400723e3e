import { type ResponseDirectives, secondsOf } from './cache-control.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { parseHttpDate } from './http-date.js';

/**
 * The freshness that a response declares for shared caches, in milliseconds: `s-maxage`, else `max-age`, else `Expires`
 * minus `Date` (RFC 9111 section 4.2.1). 0 for an invalid value, `undefined` for none.
 */
export function declaredLifetimeMs(
  { directives, isTargeted }: ResponseDirectives,
  headers: HeaderMap,
  nowMs: number,
): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (seconds !== undefined) return seconds * 1000;
  if (isTargeted || headers.expires === undefined) return undefined;
  // RFC 9111 section 5.3: several lines, or an invalid date, mean a time in the past.
  const expires = Array.isArray(headers.expires) ? undefined : parseHttpDate(String(headers.expires));
  return expires === undefined ? 0 : Math.max(0, expires - (dateOf(headers) ?? nowMs));
}

/** The age of a response on arrival, by its `Age` and its `Date` (RFC 9111 section 4.2.3). */
export function initialAgeMs(headers: HeaderMap, nowMs: number): number {
  const [first = ''] = String(headers.age ?? '').split(',');
  const ageMs = /^\d+$/.test(first.trim()) ? Math.min(Number(first), 2 ** 31) * 1000 : 0;
  const dateMs = dateOf(headers);
  return Math.max(ageMs, dateMs === undefined ? 0 : nowMs - dateMs, 0);
}

function dateOf({ date }: HeaderMap): number | undefined {
  return date === undefined ? undefined : parseHttpDate(String(date));
}
