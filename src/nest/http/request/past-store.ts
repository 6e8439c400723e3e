import { type Observable, throwError } from 'rxjs';
import { showBypass } from '../response/answer-headers.js';
import { HandlerRun, type Outage, RunAbandoned } from './handler-run.js';
import { replay } from '../response/replay.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';
import { recordSharing, runsForCache } from './run-purpose.js';
import { selectionOf } from './selection.js';
import { type UnstoredAnswer, unstoredAnswer } from '../response/unstored-answer.js';

/*
 * The way of a request whose look-up takes too long, or whose store cannot be reached. A store that is sick must not
 * make a handler run for every request, so those that could share a stored answer share a run: of one key, with an
 * equal selection by `Vary`, and each judged by its own access. A request shares a run only if that began after the
 * request came; otherwise it waits for the end of that run, and for the next one.
 */

/** How long a request waits for the handler of another (as nginx's proxy_cache_lock_timeout). */
export const MAX_WAIT_MS = 5_000;

/** @param key of the runs that the request may share: its own, or what it selects among those */
export function runPastStore(request: RouteRequest, detail: Outage, key = request.access.key): RouteAnswer {
  const { history, lastRun } = request;
  if (!isShareable(request)) return runUncached(request, detail);
  if (history.pastStore.under(key) === undefined) return lead(request, detail, key);
  return inTime(request, (settle) => {
    const follow = (): void => {
      const run = history.pastStore.under(key);
      if (run === undefined) return settle(() => lead(request, detail, key));
      if (run.number <= lastRun) return void run.outcome.then(follow, follow);
      run.outcome.then(
        (answer) =>
          settle(() =>
            answer === undefined ? runUncached(request, detail) : shareUnstored(answer, request, detail, key),
          ),
        (error: unknown) => (error instanceof RunAbandoned ? follow() : settle(() => failWith(error, request))),
      );
    };
    follow();
  });
}

/** Answers a request with what another one's run has made, if it could have been answered so from the store. */
export function shareUnstored(
  { response, selection }: UnstoredAnswer,
  request: RouteRequest,
  detail: Outage,
  key = request.access.key,
): RouteAnswer {
  const { access, policy, exchange } = request;
  if (!access.accepts(response) || response.freshMs === 0) return runUncached(request, detail);
  const own = selectionOf(response, request);
  if (own !== selection) return own === key ? runUncached(request, detail) : runPastStore(request, detail, own);
  return replay(exchange, response, policy, {
    state: 'HIT',
    ageMs: response.initialAgeMs,
    status: { forward: 'bypass', isCollapsed: true, detail, key: access.key },
  });
}

/** Runs the handler for this request alone, and stores nothing. */
export function runUncached({ exchange, policy, next }: RouteRequest, detail: string): Observable<unknown> {
  showBypass(exchange, policy, 'bypass', detail);
  return next.handle();
}

export function failWith(error: unknown, { exchange, policy }: RouteRequest): Observable<unknown> {
  showBypass(exchange, policy, 'uri-miss', 'error');
  return throwError(() => error);
}

/** Whether the answer is expected to be one for others. */
function isShareable(request: RouteRequest): boolean {
  const { access, history, policy } = request;
  if (!access.isShared || history.isUnshared(access.key, policy.cache.clock.coarseNowMs())) return false;
  return runsForCache({ key: access.key, response: undefined }, request);
}

function lead(request: RouteRequest, detail: Outage, key: string): Observable<unknown> {
  const { exchange, policy, access, next, history } = request;
  const { clock } = policy.cache;
  const run = new HandlerRun({
    exchange,
    policy,
    access,
    next,
    clock,
    reason: 'bypass',
    validating: undefined,
    isForCache: true,
    outage: detail,
    rescue: () => undefined,
  });
  const outcome = run.result.then((result) => {
    const { response } = result;
    recordSharing(result, access.key, request);
    return response === undefined ? undefined : unstoredAnswer(response, selectionOf(response, request));
  });
  history.pastStore.begin(key, outcome);
  return run.answer();
}

/** What `wait` settles for, or the request's own run when that takes too long. What comes second changes nothing. */
function inTime(
  request: RouteRequest,
  wait: (settle: (answer: () => RouteAnswer) => void) => void,
): Promise<Observable<unknown>> {
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (answer: () => RouteAnswer): void => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      resolve(answer());
    };
    const timer = request.policy.cache.clock.schedule(MAX_WAIT_MS, () =>
      settle(() => runUncached(request, 'waited-too-long')),
    );
    wait(settle);
  });
}
