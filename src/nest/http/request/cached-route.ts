import { GatewayTimeoutException } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { CacheError } from '../../../core/vocabulary/cache.errors.js';
import type { LoadOutcome } from '../../../core/ports/cache-entry.js';
import type { LoadContext } from '../../../core/load/call-options.js';
import { idleMs } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import { showBypass } from '../response/answer-headers.js';
import type { ForwardReason } from '../message/cache-status.js';
import { isCachedResponse } from '../response/cached-response.js';
import { HandlerRun, isRescuable, type Outage, type Replacement, RunAbandoned, statusOf } from './handler-run.js';
import { type StoredLookup, lookUp, mayReplaceError, provenanceOf, type Use, useOf } from './lookup.js';
import { MAX_WAIT_MS, failWith, runPastStore, runUncached, shareUnstored } from './past-store.js';
import { replay, sendStored } from '../response/replay.js';
import { storeResult, removeEntry } from './response-storing.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';
import type { LoadedValue, RouteLoadOptions } from '../route/route-policy.js';
import { runsForCache } from './run-purpose.js';
import { isUnstoredAnswer } from '../response/unstored-answer.js';
import { isVaryMarker } from '../response/vary-marker.js';

/*
 * The way of one request through the cache: what is stored and may be served is served; everything else goes through
 * `cache.load`, whose factory runs the handler of the request that leads. The others are answered with what is stored,
 * or with what the leader has made.
 *
 * A request that loads learns which it is by what comes first: the call of its factory, or the outcome of its load. It
 * never waits in vain: an answer that is nobody else's is no answer for those who waited, and they run their handlers
 * side by side; who waited for another variant looks up its own; a leader that has vanished is followed by another; and
 * a leader that takes too long is not waited for. Where the store does not answer in time, or cannot be reached,
 * requests go past it: past-store.ts.
 */

type Outcome = LoadOutcome<LoadedValue>;

/** How long a request waits for the store, before it runs its handler without it. */
const MAX_LOOKUP_MS = 250;
/** How many leaders that vanish, or make something else, a request follows. */
const MAX_FOLLOWED = 3;

export function answerRequest(request: RouteRequest, followed = 0): RouteAnswer {
  const found = lookUpFor(request);
  return found instanceof Promise ? lookUpInTime(found, request, followed) : serveOrLoad(found, request, followed, 0);
}

function lookUpFor({ policy, access, exchange }: RouteRequest): ReturnType<typeof lookUp> {
  return lookUp({ cache: policy.cache, access, request: exchange.request, load: policy.load });
}

/** Answers with what the store gives in time, or past the store. */
async function lookUpInTime(
  looking: Promise<StoredLookup>,
  request: RouteRequest,
  followed: number,
): Promise<Observable<unknown>> {
  const { clock } = request.policy.cache;
  const sentMs = idleMs(clock);
  if (!(await settledWithin(clock, MAX_LOOKUP_MS, looking))) return past(request, 'store-slow');
  const waitedMs = idleMs(clock) - sentMs;
  const found = await looking.catch(() => undefined);
  return found === undefined ? past(request, 'store-error') : serveOrLoad(found, request, followed, waitedMs);
}

function past(request: RouteRequest, detail: Outage): RouteAnswer {
  return request.access.directives.isOnlyIfCached ? onlyIfCached(request) : runPastStore(request, detail);
}

/** @param waitedMs how long the request has waited for the store */
function serveOrLoad(found: StoredLookup, request: RouteRequest, followed: number, waitedMs: number): RouteAnswer {
  const { policy, access, exchange, isRefresh, refresh } = request;
  const { entry, response } = found;
  const use = usableBy(request, found);
  if (use === 'none' || entry === undefined || response === undefined) {
    if (access.directives.isOnlyIfCached) return onlyIfCached(request);
    return loadByHandler(found, request, followed, waitedMs);
  }
  policy.cache.countServed(entry, use === 'fresh' ? 'hit' : 'stale');
  if (use === 'stale-while-revalidate' && !isRefresh) refresh.start({ exchange, policy, key: found.key });
  const send = policy.isOutermost && !response.isThrown ? sendStored : replay;
  return send(exchange, response, policy, provenanceOf(entry, response, policy.cache.clock, access.key));
}

function usableBy({ access, policy, isRefresh }: RouteRequest, found: StoredLookup): Use {
  const use = useOf(found, access, policy.cache.clock);
  return isRefresh && use !== 'fresh' ? 'none' : use;
}

/** RFC 9111 section 5.2.1.7 */
function onlyIfCached({ exchange, policy }: RouteRequest): Observable<unknown> {
  showBypass(exchange, policy, 'request', 'only-if-cached');
  return throwError(() => new GatewayTimeoutException('Nothing that is stored may answer this request.'));
}

function loadByHandler(
  found: StoredLookup,
  request: RouteRequest,
  followed: number,
  waitedMs: number,
): Promise<Observable<unknown>> {
  const { policy, access, history, exchange, next } = request;
  const { cache } = policy;
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (given: RouteAnswer): void => {
      isSettled = true;
      resolve(given);
    };
    const lead = async ({ canStore }: LoadContext<LoadedValue>): Promise<LoadedValue> => {
      // This request has not waited for its turn; another one is to lead.
      if (isSettled) throw new RunAbandoned('The request was answered past the cache.');
      const validating =
        access.stores && found.response !== undefined && access.accepts(found.response) ? found.response : undefined;
      const handler = new HandlerRun({
        exchange,
        policy,
        access,
        next,
        clock: cache.clock,
        reason: reasonOf(found, request),
        validating,
        isForCache: runsForCache(found, request),
        outage: canStore ? undefined : 'store-error',
        rescue: () => rescue(request),
      });
      settle(handler.answer());
      try {
        return await storeResult(await handler.result, found, request, canStore);
      } catch (error) {
        if (isGone(statusOf(error))) await removeEntry(found.key, policy);
        throw error;
      }
    };
    // The leader may be in another process.
    const waitsSince = access.isShared
      ? cache.clock.schedule(MAX_WAIT_MS, () => isSettled || settle(runUncached(request, 'waited-too-long')))
      : undefined;
    cache
      .load<LoadedValue>(found.key, lead, loadOptionsOf(found, request), { entry: found.entry, waitedMs })
      .then(
        (outcome) => isSettled || settle(answerOf(outcome, request, followed)),
        (error: unknown) => isSettled || settle(answerToFailure(error, request, followed)),
      )
      .finally(() => waitsSince?.cancel())
      .catch(() => undefined);
  });
}

/** RFC 9111 section 4.3.3: what the handler says is gone is not kept for worse times. */
function isGone(status: number): boolean {
  return status === 404 || status === 410;
}

function reasonOf({ entry, response, marker }: StoredLookup, { access, policy }: RouteRequest): ForwardReason {
  if (response === undefined || entry === undefined)
    return access.identity !== 'none' ? 'bypass' : marker === undefined ? 'uri-miss' : 'vary-miss';
  if (!access.accepts(response)) return 'bypass';
  return response.freshMs > 0 && policy.cache.clock.coarseNowMs() < entry.freshUntilMs ? 'request' : 'stale';
}

/** The answer of a request that did not lead. */
function answerOf(
  { entry, value, status, isCollapsed }: Outcome,
  request: RouteRequest,
  followed: number,
): RouteAnswer {
  const { policy, access, exchange } = request;
  const { clock } = policy.cache;
  const stored = entry === undefined ? value : entry.shared;
  if (isUnstoredAnswer(stored)) return shareUnstored(stored, request, 'store-error');
  if (isVaryMarker(stored) && followed < MAX_FOLLOWED) return answerRequest(request, followed + 1);
  if (!isCachedResponse(stored) || !access.accepts(stored) || stored.freshMs === 0)
    return runUncached(request, 'not-shared');
  if (entry === undefined)
    return replay(exchange, stored, policy, {
      state: 'HIT',
      ageMs: stored.initialAgeMs,
      status: { forward: 'uri-miss', isCollapsed: true },
    });
  const use = usableBy(request, { key: access.key, entry, response: stored, marker: undefined });
  if (use === 'none') return runUncached(request, 'not-shared');
  const how = provenanceOf(entry, stored, clock, access.key);
  return replay(
    exchange,
    stored,
    policy,
    isCollapsed || status === 'miss'
      ? { ...how, status: { ...how.status, forward: 'uri-miss', isCollapsed: true } }
      : how,
  );
}

/** What fails is the handler of the leader, whose error is everybody's, or the cache, which must not be noticed. */
function answerToFailure(error: unknown, request: RouteRequest, followed: number): RouteAnswer {
  if (error instanceof RunAbandoned && followed < MAX_FOLLOWED) return answerRequest(request, followed + 1);
  if (error instanceof CacheError || error instanceof RunAbandoned) return runPastStore(request, 'store-error');
  if (!isRescuable(statusOf(error))) return failWith(error, request);
  const stale = rescue(request);
  return stale instanceof Promise
    ? stale.then((one) => serveStaleFor(one, error, request))
    : serveStaleFor(stale, error, request);
}

function serveStaleFor(stale: Replacement | undefined, error: unknown, request: RouteRequest): Observable<unknown> {
  return stale === undefined
    ? failWith(error, request)
    : replay(request.exchange, stale.response, request.policy, stale.how);
}

/**
 * An expired response in the place of an error. It is looked up now: had it been invalidated, it would be gone. Never
 * rejects, and waits for the store no longer than a look-up may.
 */
function rescue(request: RouteRequest): Replacement | undefined | Promise<Replacement | undefined> {
  if (request.isRefresh) return undefined;
  const found = lookUpFor(request);
  return found instanceof Promise ? rescueInTime(found, request) : replacementOf(found, request);
}

async function rescueInTime(looking: Promise<StoredLookup>, request: RouteRequest): Promise<Replacement | undefined> {
  if (!(await settledWithin(request.policy.cache.clock, MAX_LOOKUP_MS, looking))) return undefined;
  return looking.then((found) => replacementOf(found, request)).catch(() => undefined);
}

function replacementOf(found: StoredLookup, { access, policy }: RouteRequest): Replacement | undefined {
  const { entry, response } = found;
  const { cache } = policy;
  if (entry === undefined || response === undefined || !mayReplaceError(found, access, cache.clock)) return undefined;
  cache.countServed(entry, 'stale');
  return { response, how: provenanceOf(entry, response, cache.clock, access.key) };
}

/** Whatever the cache takes for fresh and this request may not have is loaded anew. */
function loadOptionsOf({ key, entry }: StoredLookup, { policy, access, history }: RouteRequest): RouteLoadOptions {
  const { load, cache } = policy;
  const nowMs = cache.clock.coarseNowMs();
  const isAlone = !access.isShared || history.isUnshared(key, nowMs);
  const isForced = entry !== undefined && nowMs < entry.freshUntilMs;
  if (!isAlone && !isForced) return load;
  return { ...load, ...(isAlone ? { singleFlight: false as const } : {}), ...(isForced ? { validate: nothing } : {}) };
}

function nothing(): boolean {
  return false;
}
