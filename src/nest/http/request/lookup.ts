import type { Awaitable, StoredEntry } from '../../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import { NO_DIRECTIVES, type RequestDirectives } from '../message/request-directives.js';
import type { Provenance } from '../response/answer-headers.js';
import { type CachedResponse, isCachedResponse } from '../response/cached-response.js';
import { isVaryMarker, type VaryMarker } from '../response/vary-marker.js';
import { variantKey } from '../route/route-key.js';
import type { RouteRequest } from './route-request.js';

/** Limit of waiting for the store, in milliseconds; after it the handler runs without the store. */
export const MAX_LOOKUP_MS = 250;

/** The store does not answer in time, or cannot be reached. */
export type Outage = 'store-slow' | 'store-error';

/** The stored response for a request, or the place for one. */
export interface StoredLookup {
  /** The key of the request, or of the variant that it selects. */
  readonly key: string;
  readonly entry: StoredEntry | undefined;
  /** `undefined` when no entry is stored, or one that is no response. */
  readonly response: CachedResponse | undefined;
  /** Present for a URL with variants. */
  readonly marker: VaryMarker | undefined;
}

/** Reads the store once, or twice for a URL with variants. Answers at once where the store does. */
export function lookUp(request: RouteRequest): Awaitable<StoredLookup> {
  const { access, policy } = request;
  const entry = policy.cache.find(access.key, policy.load);
  return entry instanceof Promise ? entry.then((own) => resolveVariant(own, request)) : resolveVariant(entry, request);
}

function resolveVariant(
  entry: StoredEntry | undefined,
  { access, policy, exchange }: RouteRequest,
): Awaitable<StoredLookup> {
  const value = entry?.shared;
  if (!isVaryMarker(value)) return lookupAt(access.key, entry, undefined);
  const key = variantKey(access.key, value, exchange.request);
  const variant = policy.cache.find(key, policy.load);
  return variant instanceof Promise ? variant.then((own) => lookupAt(key, own, value)) : lookupAt(key, variant, value);
}

function lookupAt(key: string, entry: StoredEntry | undefined, marker: VaryMarker | undefined): StoredLookup {
  return { key, entry, response: isCachedResponse(entry?.shared) ? entry.shared : undefined, marker };
}

/** The reason for which a stored response may be served without the handler; `none` when it must not be. */
export type Use = 'fresh' | 'stale-while-revalidate' | 'max-stale' | 'none';

/**
 * Decides by the freshness of the stored response, and by the directives of the request (RFC 9111 section 4). A
 * background refresh takes a fresh response only.
 */
export function useOf(found: StoredLookup, { access, policy, isRefresh }: RouteRequest): Use {
  const { entry, response } = found;
  if (entry === undefined || response === undefined || !access.accepts(response)) return 'none';
  const use = useByFreshness(entry, response, access.directives, policy.cache.clock);
  return isRefresh && use !== 'fresh' ? 'none' : use;
}

function useByFreshness(
  entry: StoredEntry,
  response: CachedResponse,
  directives: RequestDirectives,
  clock: Clock,
): Use {
  const nowMs = clock.coarseNowMs();
  const leftMs = entry.freshUntilMs - nowMs;
  const isFresh = leftMs > 0 && response.freshMs > 0;
  if (directives === NO_DIRECTIVES) return isFresh ? 'fresh' : staleUse(-leftMs, response, NO_DIRECTIVES);
  const { mustValidate, maxAgeMs, minFreshMs } = directives;
  if (mustValidate || ageOf(entry, response, nowMs, clock) > maxAgeMs) return 'none';
  if (isFresh) return leftMs >= minFreshMs ? 'fresh' : 'none';
  return staleUse(-leftMs, response, directives);
}

/** RFC 9111 section 4.2.4, and section 5.2.1.1: `max-age` without `max-stale` refuses stale responses. */
function staleUse(
  staleMs: number,
  { mayBeStale, staleWhileRevalidateMs }: CachedResponse,
  { maxAgeMs, minFreshMs, maxStaleMs }: RequestDirectives,
): Use {
  if (!mayBeStale || minFreshMs > 0 || (maxAgeMs !== Infinity && maxStaleMs === 0)) return 'none';
  if (staleMs < staleWhileRevalidateMs) return 'stale-while-revalidate';
  return staleMs < maxStaleMs ? 'max-stale' : 'none';
}

/** A stored response that is sent in place of an error. */
export interface StoredReplacement {
  readonly response: CachedResponse;
  readonly provenance: Provenance;
}

/**
 * Looks for an expired response to send in place of an error. It reads the store again, because the entry may have been
 * invalidated meanwhile. Never rejects, and does not wait longer than `MAX_LOOKUP_MS`.
 */
export function rescue(request: RouteRequest): Awaitable<StoredReplacement | undefined> {
  if (request.isRefresh) return undefined;
  const found = lookUp(request);
  return found instanceof Promise ? rescueInTime(found, request) : replacementOf(found, request);
}

async function rescueInTime(
  lookup: Promise<StoredLookup>,
  request: RouteRequest,
): Promise<StoredReplacement | undefined> {
  if (!(await settledWithin(request.policy.cache.clock, MAX_LOOKUP_MS, lookup))) return undefined;
  return lookup.then((found) => replacementOf(found, request)).catch(() => undefined);
}

/** RFC 5861 section 4 (`stale-if-error`). */
function replacementOf(found: StoredLookup, { access, policy }: RouteRequest): StoredReplacement | undefined {
  const { entry, response } = found;
  const { cache } = policy;
  if (entry === undefined || response === undefined || !access.accepts(response)) return undefined;
  if (access.directives.mustValidate) return undefined;
  if (cache.clock.coarseNowMs() >= entry.freshUntilMs + response.staleIfErrorMs) return undefined;
  cache.countServed(entry, 'stale', policy.caller);
  return { response, provenance: provenanceOf(entry, response, cache.clock, access.key) };
}

/** The source of a stored response, as headers show it. */
export function provenanceOf(entry: StoredEntry, response: CachedResponse, clock: Clock, key: string): Provenance {
  const nowMs = clock.coarseNowMs();
  const leftMs = entry.freshUntilMs - nowMs;
  return {
    state: leftMs > 0 && response.freshMs > 0 ? 'HIT' : 'STALE',
    ageMs: ageOf(entry, response, nowMs, clock),
    leftMs,
    status: { key },
  };
}

/**
 * The age in milliseconds, on the monotonic scale: a step of the wall clock makes no response younger (RFC 9111 section
 * 4.2.3). An entry that was expired by force has no place on that scale any more, so the wall clock limits its age.
 */
function ageOf(
  { freshUntilMs, ttlMs, createdAtMs }: StoredEntry,
  { initialAgeMs }: CachedResponse,
  nowMs: number,
  clock: Clock,
): number {
  const monotonicMs = nowMs - (freshUntilMs - ttlMs);
  const residentMs =
    ttlMs === Infinity
      ? clock.wallMs() - createdAtMs
      : nowMs < freshUntilMs
        ? monotonicMs
        : Math.min(monotonicMs, clock.wallMs() - createdAtMs);
  return Math.max(0, residentMs) + initialAgeMs;
}
