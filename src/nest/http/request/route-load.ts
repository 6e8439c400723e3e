import type { Observable } from 'rxjs';
import type { LoadContext } from '../../../core/load/call-options.js';
import type { LoadOutcome } from '../../../core/ports/cache-entry.js';
import { CacheError } from '../../../core/vocabulary/cache.errors.js';
import type { ForwardReason } from '../message/cache-status.js';
import { isCachedResponse } from '../response/cached-response.js';
import { replay } from '../response/replay.js';
import { isUnstoredAnswer } from '../response/unstored-answer.js';
import { isVaryMarker } from '../response/vary-marker.js';
import type { LoadedValue, RouteLoadOptions } from '../route/route-policy.js';
import { HandlerRun, isRescuable, RunAbandoned, statusOf } from './handler-run.js';
import { provenanceOf, rescue, type StoredLookup, type StoredReplacement, useOf } from './lookup.js';
import { runPastStore, shareUnstored } from './past-store.js';
import { removeEntry, storeResult } from './response-storing.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';
import { runsForCache } from './run-purpose.js';
import { failWith, runUncached, WaitingRequest } from './waiting-request.js';

/*
 * The load of one request that no stored response may answer.
 *
 * The cache brings the loads of one key together, across processes too, and calls the factory of one of them. That
 * request leads: its handler runs, and answers it. The others wait for the outcome, and are answered
 * - with the response of the leader, if it may answer them;
 * - by their own handlers, side by side, if it may not answer them: it is private, or is not stored;
 * - from the start again, if the leader has vanished (`RunAbandoned`), or has stored another variant of the URL;
 * - by their own handlers after a limit, if the leader takes too long: it may be in another process;
 * - without the store, if the cache fails.
 *
 * The factory, the outcome and the limit are in a race, and the first of them decides: see `WaitingRequest`. A factory
 * that comes later must not run the handler, because its request is answered: it fails, and another request leads.
 */
export class RouteLoad {
  readonly #waiting: WaitingRequest;

  readonly #request: RouteRequest;
  readonly #found: StoredLookup;
  readonly #retry: (() => RouteAnswer) | undefined;

  /** @param retry answers the request from the start again; `undefined` when it has done so too often */
  constructor(request: RouteRequest, found: StoredLookup, retry: (() => RouteAnswer) | undefined) {
    this.#request = request;
    this.#found = found;
    this.#retry = retry;
    this.#waiting = new WaitingRequest(request);
  }

  /** @param waitedMs time that the request has waited for the store */
  start(waitedMs: number): Promise<Observable<unknown>> {
    const { policy, access } = this.#request;
    const { key, entry } = this.#found;
    if (access.isShared) this.#waiting.limitWait();
    policy.cache
      .load<LoadedValue>(key, (load) => this.#lead(load), this.#options(), { entry, waitedMs })
      .then(
        (outcome) => this.#waiting.answer(() => this.#answerOf(outcome)),
        (error: unknown) => this.#waiting.answer(() => this.#answerToFailure(error)),
      );
    return this.#waiting.result;
  }

  async #lead({ canStore }: LoadContext<LoadedValue>): Promise<LoadedValue> {
    const request = this.#request;
    const found = this.#found;
    if (!this.#waiting.isWaiting) throw new RunAbandoned('The request was answered before its load began.');
    const run = new HandlerRun({
      ...request,
      reason: this.#forwardReason(),
      validating: this.#responseToValidate(),
      isForCache: runsForCache(found, request),
      outage: canStore ? undefined : 'store-error',
      rescue: () => rescue(request),
    });
    this.#waiting.lead(() => run.answer());
    try {
      return await storeResult(await run.result, found, request, canStore);
    } catch (error) {
      if (isGone(statusOf(error))) await removeEntry(found.key, request.policy);
      throw error;
    }
  }

  #responseToValidate(): StoredLookup['response'] {
    const { access } = this.#request;
    const { response } = this.#found;
    return access.stores && response !== undefined && access.accepts(response) ? response : undefined;
  }

  #forwardReason(): ForwardReason {
    const { access, policy } = this.#request;
    const { response, entry, marker } = this.#found;
    if (response === undefined || entry === undefined) {
      if (access.identity !== 'none') return 'bypass';
      return marker === undefined ? 'uri-miss' : 'vary-miss';
    }
    if (!access.accepts(response)) return 'bypass';
    return response.freshMs > 0 && policy.cache.clock.coarseNowMs() < entry.freshUntilMs ? 'request' : 'stale';
  }

  /** The answer of a request that did not lead. */
  #answerOf({ entry, value, status, isCollapsed }: LoadOutcome<LoadedValue>): RouteAnswer {
    const request = this.#request;
    const { policy, access, exchange } = request;
    const stored = entry === undefined ? value : entry.shared;
    if (isUnstoredAnswer(stored)) return shareUnstored(stored, request, 'store-error');
    if (isVaryMarker(stored) && this.#retry !== undefined) return this.#retry();
    if (!isCachedResponse(stored) || !access.accepts(stored) || stored.freshMs === 0)
      return runUncached(request, 'not-shared');
    const collapsed = { forward: 'uri-miss', isCollapsed: true } as const;
    if (entry === undefined)
      return replay(exchange, stored, policy, { state: 'HIT', ageMs: stored.initialAgeMs, status: collapsed });
    const lookup = { key: access.key, entry, response: stored, marker: undefined };
    if (useOf(lookup, request) === 'none') return runUncached(request, 'not-shared');
    const provenance = provenanceOf(entry, stored, policy.cache.clock, access.key);
    const isOfLeader = isCollapsed || status === 'miss';
    return replay(
      exchange,
      stored,
      policy,
      isOfLeader ? { ...provenance, status: { ...provenance.status, ...collapsed } } : provenance,
    );
  }

  /** Hides a fault of the cache. An error of the leader's handler is the answer of all that waited for it. */
  #answerToFailure(error: unknown): RouteAnswer {
    const request = this.#request;
    if (error instanceof RunAbandoned && this.#retry !== undefined) return this.#retry();
    if (error instanceof CacheError || error instanceof RunAbandoned) return runPastStore(request, 'store-error');
    if (!isRescuable(statusOf(error))) return failWith(error, request);
    const stale = rescue(request);
    return stale instanceof Promise
      ? stale.then((found) => this.#serveStaleFor(error, found))
      : this.#serveStaleFor(error, stale);
  }

  #serveStaleFor(error: unknown, stale: StoredReplacement | undefined): Observable<unknown> {
    const { exchange, policy } = this.#request;
    return stale === undefined
      ? failWith(error, this.#request)
      : replay(exchange, stale.response, policy, stale.provenance);
  }

  /** Makes the cache load even if it has a fresh entry, because that entry must not answer this request. */
  #options(): RouteLoadOptions {
    const { policy, access, history } = this.#request;
    const { key, entry } = this.#found;
    const nowMs = policy.cache.clock.coarseNowMs();
    const isAlone = !access.isShared || history.isUnshared(key, nowMs);
    const isForced = entry !== undefined && nowMs < entry.freshUntilMs;
    if (!isAlone && !isForced) return policy.load;
    return {
      ...policy.load,
      ...(isAlone ? { singleFlight: false as const } : {}),
      ...(isForced ? { validate: refuseStored } : {}),
    };
  }
}

function refuseStored(): boolean {
  return false;
}

/** RFC 9111 section 4.3.3: a response whose resource is gone is not kept to be served in place of later errors. */
function isGone(status: number): boolean {
  return status === 404 || status === 410;
}
