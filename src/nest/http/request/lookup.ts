import type { CacheService } from '../../../core/cache.service.js';
import type { Awaitable, StoredEntry } from '../../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import type { Provenance } from '../response/answer-headers.js';
import { type CachedResponse, isCachedResponse } from '../response/cached-response.js';
import type { CacheRequest } from '../exchange/exchange.js';
import { NO_DIRECTIVES, type RequestDirectives } from '../message/request-directives.js';
import type { RouteAccess } from '../route/route-access.js';
import { variantKey } from '../route/route-key.js';
import type { RouteLoadOptions } from '../route/route-policy.js';
import { isVaryMarker, type VaryMarker } from '../response/vary-marker.js';

/** What is stored for a request. */
export interface StoredLookup {
  /** Under which its answer belongs: the request's own key, or that of the variant it selects. */
  readonly key: string;
  readonly entry: StoredEntry | undefined;
  /** `undefined` when nothing is there that could be sent. */
  readonly response: CachedResponse | undefined;
  readonly marker: VaryMarker | undefined;
}

export interface LookupParts {
  readonly cache: CacheService;
  readonly access: RouteAccess;
  readonly request: CacheRequest;
  readonly load: RouteLoadOptions;
}

/** One look-up, or two where the URL has variants; at once where the store answers at once. */
export function lookUp(parts: LookupParts): Awaitable<StoredLookup> {
  const { cache, access, load } = parts;
  const entry = cache.find(access.key, load);
  return entry instanceof Promise ? entry.then((own) => resolveVariant(own, parts)) : resolveVariant(entry, parts);
}

function resolveVariant(
  entry: StoredEntry | undefined,
  { cache, access, request, load }: LookupParts,
): Awaitable<StoredLookup> {
  const value = entry?.shared;
  if (!isVaryMarker(value)) return foundAt(access.key, entry, undefined);
  const key = variantKey(access.key, value, request);
  const variant = cache.find(key, load);
  return variant instanceof Promise ? variant.then((own) => foundAt(key, own, value)) : foundAt(key, variant, value);
}

function foundAt(key: string, entry: StoredEntry | undefined, marker: VaryMarker | undefined): StoredLookup {
  return { key, entry, response: isCachedResponse(entry?.shared) ? entry.shared : undefined, marker };
}

/** Whether what was found may be served without asking the handler. */
export type Use = 'fresh' | 'stale-while-revalidate' | 'stale-as-asked' | 'none';

/** RFC 9111 section 4: what a request is answered with, by the response's freshness and by what the client asks. */
export function useOf({ entry, response }: StoredLookup, access: RouteAccess, clock: Clock): Use {
  if (entry === undefined || response === undefined || !access.accepts(response)) return 'none';
  const nowMs = clock.coarseNowMs();
  const leftMs = entry.freshUntilMs - nowMs;
  const isFresh = leftMs > 0 && response.freshMs > 0;
  if (access.directives === NO_DIRECTIVES) return isFresh ? 'fresh' : staleUse(-leftMs, response, NO_DIRECTIVES);
  const { mustValidate, maxAgeMs, minFreshMs } = access.directives;
  if (mustValidate || ageOf(entry, response, nowMs, clock) > maxAgeMs) return 'none';
  if (isFresh) return leftMs >= minFreshMs ? 'fresh' : 'none';
  return staleUse(-leftMs, response, access.directives);
}

/** RFC 9111 section 4.2.4, and section 5.2.1.1: who names an age, and no staleness, does not want what is stale. */
function staleUse(
  staleMs: number,
  { mayBeStale, staleWhileRevalidateMs }: CachedResponse,
  { maxAgeMs, minFreshMs, maxStaleMs }: RequestDirectives,
): Use {
  if (!mayBeStale || minFreshMs > 0 || (maxAgeMs !== Infinity && maxStaleMs === 0)) return 'none';
  if (staleMs < staleWhileRevalidateMs) return 'stale-while-revalidate';
  return staleMs < maxStaleMs ? 'stale-as-asked' : 'none';
}

/** Whether it may take the place of an error (RFC 5861 section 4). */
export function mayReplaceError({ entry, response }: StoredLookup, access: RouteAccess, clock: Clock): boolean {
  if (entry === undefined || response === undefined || !access.accepts(response) || access.directives.mustValidate)
    return false;
  return clock.coarseNowMs() < entry.freshUntilMs + response.staleIfErrorMs;
}

/** How an answer from the store is told of. */
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
 * On the monotonic scale, so that no step of the wall clock makes an answer younger (RFC 9111 section 4.2.3). What was
 * expired by force has lost its place on that scale.
 */
function ageOf(
  { freshUntilMs, ttlMs, createdAtMs }: StoredEntry,
  { initialAgeMs }: CachedResponse,
  nowMs: number,
  clock: Clock,
): number {
  const storedMs = nowMs - (freshUntilMs - ttlMs);
  const residentMs =
    ttlMs === Infinity
      ? clock.wallMs() - createdAtMs
      : nowMs < freshUntilMs
        ? storedMs
        : Math.min(storedMs, clock.wallMs() - createdAtMs);
  return Math.max(0, residentMs) + initialAgeMs;
}
