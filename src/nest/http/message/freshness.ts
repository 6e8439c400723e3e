import { type ResponseDirectives, secondsOf } from './cache-control.js';
import type { HeaderMap } from '../exchange/exchange.js';
import { parseHttpDate } from './http-date.js';

/**
 * How long a response says that it is fresh in a shared cache: `s-maxage` before `max-age` before `Expires` minus
 * `Date` (RFC 9111 section 4.2.1). 0 for a value that cannot be read; `undefined` when it says nothing.
 */
export function declaredLifetimeMs(
  { directives, isTargeted }: ResponseDirectives,
  headers: HeaderMap,
  nowMs: number,
): number | undefined {
  const seconds = secondsOf(directives, 's-maxage') ?? secondsOf(directives, 'max-age');
  if (seconds !== undefined) return seconds * 1000;
  if (isTargeted || headers.expires === undefined) return undefined;
  // RFC 9111 section 5.3: several lines, and what is no date, are in the past.
  const expires = Array.isArray(headers.expires) ? undefined : parseHttpDate(String(headers.expires));
  return expires === undefined ? 0 : Math.max(0, expires - (dateOf(headers) ?? nowMs));
}

/** How old a response was when it came, by its `Age` and its `Date` (RFC 9111 section 4.2.3). */
export function initialAgeMs(headers: HeaderMap, nowMs: number): number {
  const [first = ''] = String(headers.age ?? '').split(',');
  const ageMs = /^\d+$/.test(first.trim()) ? Math.min(Number(first), 2 ** 31) * 1000 : 0;
  const dateMs = dateOf(headers);
  return Math.max(ageMs, dateMs === undefined ? 0 : nowMs - dateMs, 0);
}

function dateOf({ date }: HeaderMap): number | undefined {
  return date === undefined ? undefined : parseHttpDate(String(date));
}
