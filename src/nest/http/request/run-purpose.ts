import type { RunResult } from './handler-run.js';
import type { StoredLookup } from './lookup.js';
import type { RouteRequest } from './route-request.js';

/*
 * A handler runs for the cache, or for its client alone. For the cache it gets a masked request, and its response may
 * be stored. For its client alone it gets the request as it is, and nothing is stored where the mask would have hidden
 * something.
 *
 * It runs for its client alone where the response is expected to be for no other client: the request carries an
 * identity or `no-store`, the route is only covered and has declared no freshness so far, or the last response for the
 * key was not stored. If such a response could have been stored, the next run is for the cache: one request later.
 */

/** True when the handler runs for the cache. */
export function runsForCache(
  { key, response }: Pick<StoredLookup, 'key' | 'response'>,
  { access, policy, history, exchange }: RouteRequest,
): boolean {
  const isValidation = response !== undefined && access.accepts(response);
  // A HEAD is not stored, but may show that the stored response has changed (RFC 9111 section 4.3.5).
  if (!access.stores) return isValidation && exchange.request.method === 'HEAD';
  const nowMs = policy.cache.clock.coarseNowMs();
  return isValidation || history.isStored(kindOf(key, access.identity), isStoredByDefault(access, policy), nowMs);
}

/**
 * Records whether the last response for a key could be stored and shared. A 5xx of the handler is not recorded: it does
 * not predict the responses after it.
 */
export function recordSharing(
  { response, status, isStorable = false }: RunResult,
  key: string,
  { access, history, policy }: RouteRequest,
): void {
  if (!access.stores || (response === undefined && !isStorable && status >= 500)) return;
  const nowMs = policy.cache.clock.coarseNowMs();
  const isStored = response !== undefined || isStorable;
  history.recordStored(kindOf(key, access.identity), isStored, isStoredByDefault(access, policy), nowMs);
  if (access.isShared) history.recordShared(key, isStorable || (response !== undefined && response.freshMs > 0), nowMs);
}

function isStoredByDefault({ identity }: RouteRequest['access'], { isExplicit }: RouteRequest['policy']): boolean {
  return isExplicit && identity === 'none';
}

/** Responses to requests with an identity are a kind of their own. Keys contain no line breaks. */
function kindOf(key: string, identity: RouteRequest['access']['identity']): string {
  return identity === 'none' ? key : `${key}\n${identity}`;
}
