import type { RunResult } from './handler-run.js';
import type { StoredLookup } from './lookup.js';
import type { RouteRequest } from './route-request.js';

/*
 * A handler runs for the cache, or for its client alone. For the cache it sees a masked request, and its answer may be
 * stored. For its client alone it sees the request as it is; where that makes a difference, nothing is stored.
 *
 * For its client alone it runs where the answer is expected to be nobody else's: the request carries an identity, or
 * says no-store, the route is only covered and has declared nothing yet, or the last answer for the key was not stored.
 * When such an answer could have been stored all the same, the next run is for the cache: one request later than
 * without the mask.
 */

/** Whether the handler is to run for the cache. */
export function runsForCache(
  { key, response }: Pick<StoredLookup, 'key' | 'response'>,
  { access, policy, history, exchange }: RouteRequest,
): boolean {
  const isJudged = response !== undefined && access.accepts(response);
  // A HEAD is not stored, but may say that what is stored has changed (RFC 9111 section 4.3.5).
  if (!access.stores) return isJudged && exchange.request.method === 'HEAD';
  return (
    isJudged ||
    history.isStored(kindOf(key, access.identity), isStoredByDefault(access, policy), policy.cache.clock.coarseNowMs())
  );
}

/**
 * Remembers of the last run for a key whether its answer was one to be stored. A fault of the handler says nothing
 * about the answers that come after it.
 */
export function recordSharing(
  { response, status, isStorable = false }: RunResult,
  key: string,
  { access, history, policy }: RouteRequest,
): void {
  if (!access.stores || (response === undefined && !isStorable && status >= 500)) return;
  const nowMs = policy.cache.clock.coarseNowMs();
  history.recordStored(
    kindOf(key, access.identity),
    response !== undefined || isStorable,
    isStoredByDefault(access, policy),
    nowMs,
  );
  if (access.isShared) history.recordShared(key, isStorable || (response !== undefined && response.freshMs > 0), nowMs);
}

type Identity = RouteRequest['access']['identity'];

function isStoredByDefault({ identity }: RouteRequest['access'], { isAsked }: RouteRequest['policy']): boolean {
  return isAsked && identity === 'none';
}

/** Keys hold no line breaks. */
function kindOf(key: string, identity: Identity): string {
  return identity === 'none' ? key : `${key}\n${identity}`;
}
