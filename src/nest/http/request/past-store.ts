import type { Observable } from 'rxjs';
import { replay } from '../response/replay.js';
import { type UnstoredAnswer, unstoredAnswer } from '../response/unstored-answer.js';
import { selectionOf } from '../route/route-key.js';
import { HandlerRun, RunAbandoned } from './handler-run.js';
import type { Outage } from './lookup.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';
import { recordSharing, runsForCache } from './run-purpose.js';
import { failWith, runUncached, WaitingRequest } from './waiting-request.js';

/*
 * Requests go past the store when it answers too late or cannot be reached. A slow store must not make the handler run
 * for every request. So requests that could share a stored response share a run of the handler: they have the same key
 * and an equal selection by `Vary`, and each is checked by its own access. A request shares only a run that has begun
 * after it came, because something may have been invalidated before. It waits for the end of an earlier run, and then
 * for the next one.
 */

/** @param key of the runs that the request may share: its own, or that of the variant it selects */
export function runPastStore(request: RouteRequest, outage: Outage, key = request.access.key): RouteAnswer {
  if (!isShareable(request)) return runUncached(request, outage);
  if (request.history.pastStore.under(key) === undefined) return lead(request, outage, key);
  const waiting = new WaitingRequest(request).limitWait();
  follow(waiting, request, outage, key);
  return waiting.result;
}

/** Waits for a run that the request may share, or leads one when none is under way. */
function follow(waiting: WaitingRequest, request: RouteRequest, outage: Outage, key: string): void {
  const { history, lastRun } = request;
  const run = history.pastStore.under(key);
  if (run === undefined) return waiting.lead(() => lead(request, outage, key));
  const again = (): void => follow(waiting, request, outage, key);
  if (run.number <= lastRun) return void run.outcome.then(again, again);
  run.outcome.then(
    (unstored) =>
      waiting.answer(() =>
        unstored === undefined ? runUncached(request, outage) : shareUnstored(unstored, request, outage, key),
      ),
    (error: unknown) => (error instanceof RunAbandoned ? again() : waiting.answer(() => failWith(error, request))),
  );
}

/** Answers a request with the response of another one, if a stored response could have answered both. */
export function shareUnstored(
  { response, selection }: UnstoredAnswer,
  request: RouteRequest,
  outage: Outage,
  key = request.access.key,
): RouteAnswer {
  const { access, policy, exchange } = request;
  if (!access.accepts(response) || response.freshMs === 0) return runUncached(request, outage);
  const own = selectionOf(response, request);
  if (own !== selection) return own === key ? runUncached(request, outage) : runPastStore(request, outage, own);
  return replay(exchange, response, policy, {
    state: 'HIT',
    ageMs: response.initialAgeMs,
    status: { forward: 'bypass', isCollapsed: true, detail: outage, key: access.key },
  });
}

/** True when the response is expected to be one that others may share. */
function isShareable(request: RouteRequest): boolean {
  const { access, history, policy } = request;
  if (!access.isShared || history.isUnshared(access.key, policy.cache.clock.coarseNowMs())) return false;
  return runsForCache({ key: access.key, response: undefined }, request);
}

function lead(request: RouteRequest, outage: Outage, key: string): Observable<unknown> {
  const run = new HandlerRun({
    ...request,
    reason: 'bypass',
    validating: undefined,
    isForCache: true,
    outage,
    rescue: () => undefined,
  });
  const outcome = run.result.then((result) => {
    const { response } = result;
    recordSharing(result, request.access.key, request);
    return response === undefined ? undefined : unstoredAnswer(response, selectionOf(response, request));
  });
  request.history.pastStore.begin(key, outcome);
  return run.answer();
}
