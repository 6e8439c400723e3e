import { OWN_FIELD } from '../message/cache-control.js';
import type { HeaderLine } from './cached-response.js';
import type { Exchange, HeaderMap, HeaderValue } from '../exchange/exchange.js';

/**
 * Headers that are not stored: those of the connection (RFC 9111 section 3.1), those that have a field of their own in
 * the stored response, cookies, which belong to one client, and timings, which belong to one run.
 */
const NOT_STORED = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'age',
  'content-length',
  'content-type',
  'date',
  'etag',
  'server-timing',
  'set-cookie',
  'vary',
  'x-cache',
  'x-cache-ttl',
  'surrogate-key',
  'cache-tag',
  OWN_FIELD,
]);

/**
 * The headers that are new or changed in `after`. Those in `before` come from middleware and guards, which run for
 * every request and may mean that request alone.
 */
export function changedHeaders(before: HeaderMap, after: HeaderMap): HeaderLine[] {
  const ofConnection = new Set(listOf(after.connection));
  return Object.entries(after).flatMap(([name, value]): HeaderLine[] => {
    if (value === undefined || NOT_STORED.has(name) || ofConnection.has(name) || isSame(value, before[name])) return [];
    return [[name, Array.isArray(value) ? value.map(String) : value]];
  });
}

export function removedHeaders(before: HeaderMap, after: HeaderMap): string[] {
  return Object.keys(before).filter(
    (name) => before[name] !== undefined && after[name] === undefined && !NOT_STORED.has(name),
  );
}

export function hasChanged(name: string, before: HeaderMap, after: HeaderMap): boolean {
  const value = after[name];
  return value !== undefined && !isSame(value, before[name]);
}

/** Sets the headers of the response back to a snapshot. */
export function restoreHeaders(exchange: Exchange, before: HeaderMap): void {
  for (const [name, value] of Object.entries(exchange.headers())) {
    const old = before[name];
    if (old === undefined) exchange.removeHeader(name);
    else if (value !== undefined && !isSame(value, old)) exchange.setHeader(name, old);
  }
}

/** The members of a list header in lower case. Several lines are one list (RFC 9110 section 5.3). */
export function listOf(value: HeaderValue | undefined): string[] {
  if (value === undefined) return [];
  return String(value)
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/** Adds names to `Vary` of the response, after those that middleware has set. */
export function mergeVary(exchange: Exchange, names: readonly string[]): void {
  if (names.length === 0) return;
  const value = exchange.header('vary');
  const present = listOf(value);
  const missing = names.filter((name) => !present.includes(name));
  if (missing.length > 0)
    exchange.setHeader('vary', [...(value === undefined ? [] : [String(value)]), ...missing].join(', '));
}

function isSame(value: HeaderValue, other: HeaderValue | undefined): boolean {
  if (value === other) return true;
  return other !== undefined && Array.isArray(value) === Array.isArray(other) && String(value) === String(other);
}
