import { type Observable, throwError } from 'rxjs';
import { showBypass } from '../response/answer-headers.js';
import { HandlerRun, type Outage, RunAbandoned } from './handler-run.js';
import { replay } from '../response/replay.js';
import type { Answer, RoutePassage } from './route-passage.js';
import { learn, runsForCache } from './run-purpose.js';
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
export function runPastStore(passage: RoutePassage, why: Outage, key = passage.access.key): Answer {
  const { traffic, lastRun } = passage;
  if (!isShareable(passage)) return unshared(passage, why);
  if (traffic.pastStore.under(key) === undefined) return lead(passage, why, key);
  return inTime(passage, (settle) => {
    const follow = (): void => {
      const run = traffic.pastStore.under(key);
      if (run === undefined) return settle(() => lead(passage, why, key));
      if (run.number <= lastRun) return void run.outcome.then(follow, follow);
      run.outcome.then(
        (answer) =>
          settle(() => (answer === undefined ? unshared(passage, why) : shareUnstored(answer, passage, why, key))),
        (error: unknown) => (error instanceof RunAbandoned ? follow() : settle(() => refused(error, passage))),
      );
    };
    follow();
  });
}

/** Answers a request with what another one's run has made, if it could have been answered so from the store. */
export function shareUnstored(
  { response, selection }: UnstoredAnswer,
  passage: RoutePassage,
  why: Outage,
  key = passage.access.key,
): Answer {
  const { access, policy, exchange } = passage;
  if (!access.accepts(response) || response.freshMs === 0) return unshared(passage, why);
  const own = selectionOf(response, passage);
  if (own !== selection) return own === key ? unshared(passage, why) : runPastStore(passage, why, own);
  return replay(exchange, response, policy, {
    state: 'HIT',
    ageMs: response.initialAgeMs,
    status: { fwd: 'bypass', isCollapsed: true, detail: why, key: access.key },
  });
}

/** Runs the handler for this request alone, and stores nothing. */
export function unshared({ exchange, policy, next }: RoutePassage, why: string): Observable<unknown> {
  showBypass(exchange, policy, 'bypass', why);
  return next.handle();
}

export function refused(error: unknown, { exchange, policy }: RoutePassage): Observable<unknown> {
  showBypass(exchange, policy, 'uri-miss', 'error');
  return throwError(() => error);
}

/** Whether the answer is expected to be one for others. */
function isShareable(passage: RoutePassage): boolean {
  const { access, traffic, policy } = passage;
  if (!access.isShared || traffic.isUnshared(access.key, policy.cache.clock.coarseNowMs())) return false;
  return runsForCache({ key: access.key, response: undefined }, passage);
}

function lead(passage: RoutePassage, why: Outage, key: string): Observable<unknown> {
  const { exchange, policy, access, next, traffic } = passage;
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
    outage: why,
    rescue: () => undefined,
  });
  const outcome = run.result.then((result) => {
    const { response } = result;
    learn(result, access.key, passage);
    return response === undefined ? undefined : unstoredAnswer(response, selectionOf(response, passage));
  });
  traffic.pastStore.begin(key, outcome);
  return run.answer();
}

/** What `wait` settles for, or the request's own run when that takes too long. What comes second changes nothing. */
function inTime(
  passage: RoutePassage,
  wait: (settle: (answer: () => Answer) => void) => void,
): Promise<Observable<unknown>> {
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (answer: () => Answer): void => {
      if (isSettled) return;
      isSettled = true;
      timer.cancel();
      resolve(answer());
    };
    const timer = passage.policy.cache.clock.schedule(MAX_WAIT_MS, () =>
      settle(() => unshared(passage, 'waited-too-long')),
    );
    wait(settle);
  });
}
