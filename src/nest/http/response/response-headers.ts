import { OWN_FIELD } from '../message/cache-control.js';
import type { HeaderLine } from './cached-response.js';
import type { Exchange, HeaderMap, HeaderValue } from '../exchange/exchange.js';

/**
 * Never stored: what belongs to the connection (RFC 9111 section 3.1), what is kept in fields of its own, and cookies,
 * which were one client's.
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
  'set-cookie',
  'vary',
  'x-cache',
  'x-cache-ttl',
  'surrogate-key',
  'cache-tag',
  OWN_FIELD,
]);

/**
 * The headers that are new or other in `after`: what is in `before` comes from middleware and guards, which run for
 * every request, and may be about that request alone.
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

/** Puts the headers back as they were. */
export function restoreHeaders(exchange: Exchange, before: HeaderMap): void {
  for (const [name, value] of Object.entries(exchange.headers())) {
    const old = before[name];
    if (old === undefined) exchange.removeHeader(name);
    else if (value !== undefined && !isSame(value, old)) exchange.setHeader(name, old);
  }
}

/** The members of a list field, lower-case: several lines are one list (RFC 9110 section 5.3). */
export function listOf(value: HeaderValue | undefined): string[] {
  if (value === undefined) return [];
  return String(value)
    .split(',')
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/** Adds names to the response's `Vary`, after those that middleware has put there. */
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
