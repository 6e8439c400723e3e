import { GatewayTimeoutException } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { idleMs } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import { showBypass } from '../response/answer-headers.js';
import { noteLookup } from '../response/server-timing.js';
import { replay, sendStored } from '../response/replay.js';
import { lookUp, MAX_LOOKUP_MS, type Outage, provenanceOf, type StoredLookup, useOf } from './lookup.js';
import { runPastStore } from './past-store.js';
import { RouteLoad } from './route-load.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';

/*
 * The way of a request to its answer. The request reads the store first. A stored response that may be served is sent.
 * Otherwise the request loads a response: it runs its handler, or waits for that of another request (route-load.ts). If
 * the store does not answer in time, or cannot be reached, the request goes past it (past-store.ts).
 */

/** Times that a request starts again, after its leader has vanished or has stored another variant. */
const MAX_RETRIES = 3;

/** @param retries times that this request has started again */
export function answerRequest(request: RouteRequest, retries = 0): RouteAnswer {
  const found = lookUp(request);
  return found instanceof Promise ? answerInTime(found, request, retries) : serveOrLoad(found, request, retries, 0);
}

/** Answers with the result of the look-up if that comes in time, and without the store otherwise. */
async function answerInTime(
  lookup: Promise<StoredLookup>,
  request: RouteRequest,
  retries: number,
): Promise<Observable<unknown>> {
  const { clock } = request.policy.cache;
  const sentMs = idleMs(clock);
  if (!(await settledWithin(clock, MAX_LOOKUP_MS, lookup))) return answerWithoutStore(request, 'store-slow');
  const waitedMs = idleMs(clock) - sentMs;
  const found = await lookup.catch(() => undefined);
  return found === undefined
    ? answerWithoutStore(request, 'store-error')
    : serveOrLoad(found, request, retries, waitedMs);
}

function answerWithoutStore(request: RouteRequest, outage: Outage): RouteAnswer {
  if (request.policy.isDebugging) noteLookup(request.exchange);
  return request.access.directives.isOnlyIfCached ? refuseOnlyIfCached(request) : runPastStore(request, outage);
}

/** @param waitedMs time that the request has waited for the store */
function serveOrLoad(found: StoredLookup, request: RouteRequest, retries: number, waitedMs: number): RouteAnswer {
  const { policy, access, exchange, isRefresh, refresh } = request;
  const { entry, response } = found;
  if (policy.isDebugging) noteLookup(exchange);
  const use = useOf(found, request);
  if (use === 'none' || entry === undefined || response === undefined) {
    if (access.directives.isOnlyIfCached) return refuseOnlyIfCached(request);
    const retry = retries < MAX_RETRIES ? () => answerRequest(request, retries + 1) : undefined;
    return new RouteLoad(request, found, retry).start(waitedMs);
  }
  policy.cache.countServed(entry, use === 'fresh' ? 'hit' : 'stale', policy.caller);
  if (use === 'stale-while-revalidate' && !isRefresh) refresh.start({ exchange, policy, key: found.key });
  const send = policy.isOutermost && !response.isThrown ? sendStored : replay;
  return send(exchange, response, policy, provenanceOf(entry, response, policy.cache.clock, access.key));
}

/** RFC 9111 section 5.2.1.7: 504 for `only-if-cached`. */
function refuseOnlyIfCached({ exchange, policy }: RouteRequest): Observable<unknown> {
  showBypass(exchange, policy, 'request', 'only-if-cached');
  return throwError(
    () => new GatewayTimeoutException('Expected a stored response, as `only-if-cached` asks, and none may be served.'),
  );
}
