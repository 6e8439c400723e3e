import type { CallHandler } from '@nestjs/common';
import { type Observable, throwError } from 'rxjs';
import { CacheError } from '../../core/cache.errors.js';
import type { LoadOutcome } from '../../core/cache-entry.js';
import type { StoredEntry } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import { type Provenance, showBypass } from './answer-headers.js';
import { type CachedResponse, isCachedResponse } from './cached-response.js';
import type { Exchange } from './exchange.js';
import { HandlerRun, RunAbandoned } from './handler-run.js';
import { replay } from './replay.js';
import type { RouteAccess } from './route-access.js';
import type { RouteLoadOptions, RoutePolicy } from './route-policy.js';
import type { RouteTraffic } from './route-traffic.js';

/*
 * The way of one request through the cache. There is one path: `cache.load`, whose factory runs the handler of the
 * request that leads. The others are answered with what is stored, or with what the leader has made.
 *
 * A request learns which it is by what comes first: the call of its factory, or the outcome of its load. It never waits
 * in vain: an answer that is nobody else's is no answer for those who waited, and they run their handlers side by side;
 * a leader that has vanished is followed by another; and a leader that takes too long is not waited for.
 */

export interface RoutePassage {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly access: RouteAccess;
  readonly next: CallHandler;
  readonly traffic: RouteTraffic;
}

type Outcome = LoadOutcome<CachedResponse | undefined>;

/** How long a request waits for another one's handler (as nginx's proxy_cache_lock_timeout). */
const MAX_WAIT_MS = 5_000;
/** How many leaders that vanish a request follows. */
const MAX_FOLLOWED = 3;

export function passThrough(passage: RoutePassage, followed = 0): Promise<Observable<unknown>> {
  const { policy, access, traffic, exchange, next } = passage;
  const { cache } = policy;
  return new Promise((resolve) => {
    let isSettled = false;
    const settle = (answer: Observable<unknown> | Promise<Observable<unknown>>): void => {
      isSettled = true;
      resolve(answer);
    };
    const lead = (): Promise<CachedResponse | undefined> => {
      // This request has not waited for its turn; another one is to lead.
      if (isSettled) return Promise.reject(new RunAbandoned('The request was answered past the cache.'));
      const run = new HandlerRun({ exchange, policy, access, next, clock: cache.clock });
      watch(run, passage);
      settle(run.answer(() => rescue(loading, run, passage)));
      return run.result;
    };
    const waitsSince = access.isShared && traffic.isRunning(access.key) ? cache.clock.schedule(MAX_WAIT_MS, () => isSettled || settle(unshared(passage))) : undefined;
    const loading = cache.load(access.key, lead, loadOptionsOf(passage));
    loading
      .then(
        (outcome) => isSettled || settle(answerOf(outcome, passage)),
        (error: unknown) => isSettled || settle(answerToFailure(error, passage, followed)),
      )
      .finally(() => waitsSince?.cancel())
      .catch(() => undefined);
  });
}

/** The answer of a request that did not lead. */
function answerOf(outcome: Outcome, passage: RoutePassage): Observable<unknown> {
  const response = outcome.entry === undefined ? outcome.value : outcome.entry.shared;
  if (!isCachedResponse(response) || !isServable(response, outcome, passage)) return unshared(passage);
  return replay(passage.exchange, response, passage.policy, provenanceOf(outcome, response, passage.policy.cache.clock));
}

function isServable(response: CachedResponse, { status }: Outcome, { access }: RoutePassage): boolean {
  return access.accepts(response) && (status !== 'stale' || response.mayBeStale);
}

/** What fails is the handler of the leader, whose error is everybody's, or the cache, which must not be noticed. */
function answerToFailure(error: unknown, passage: RoutePassage, followed: number): Observable<unknown> | Promise<Observable<unknown>> {
  if (error instanceof RunAbandoned && followed < MAX_FOLLOWED) return passThrough(passage, followed + 1);
  if (error instanceof CacheError || error instanceof RunAbandoned) return unshared(passage);
  showBypass(passage.exchange, passage.policy);
  return throwError(() => error);
}

/** Runs the handler for this request alone, and stores nothing. */
function unshared({ exchange, policy, next }: RoutePassage): Observable<unknown> {
  showBypass(exchange, policy);
  return next.handle();
}

/** The expired response in the place of an error, where the load has found one that may be served. */
async function rescue(loading: Promise<Outcome>, run: HandlerRun, passage: RoutePassage): Promise<Observable<unknown> | undefined> {
  const outcome = await loading.catch(() => undefined);
  const response = outcome?.entry?.shared;
  if (outcome?.status !== 'stale' || !isCachedResponse(response) || !isServable(response, outcome, passage)) return undefined;
  run.undo();
  return replay(passage.exchange, response, passage.policy, provenanceOf(outcome, response, passage.policy.cache.clock));
}

function provenanceOf({ status, entry, isCollapsed }: Outcome, response: CachedResponse, clock: Clock): Provenance {
  if (entry === undefined) return { state: 'MISS', ...(isCollapsed ? { ageMs: 0 } : {}), leftMs: response.ttlMs };
  const nowMs = clock.coarseNowMs();
  return { state: status === 'stale' ? 'STALE' : 'HIT', ageMs: ageOf(entry, nowMs, clock), leftMs: entry.freshUntilMs - nowMs };
}

/** On the monotonic scale, so that no step of the wall clock makes an answer younger (RFC 9111 section 4.2.3). */
function ageOf({ freshUntilMs, ttlMs, createdAtMs }: StoredEntry, nowMs: number, clock: Clock): number {
  const ageMs = ttlMs === Infinity ? clock.wallMs() - createdAtMs : nowMs - (freshUntilMs - ttlMs);
  return Math.max(0, ageMs);
}

function loadOptionsOf({ policy, access, exchange, traffic }: RoutePassage): RouteLoadOptions {
  const { tags, cache, load } = policy;
  const isAlone = !access.isShared || traffic.isUnshared(access.key, cache.clock.coarseNowMs());
  if (!isAlone && tags === undefined) return load;
  return {
    ...load,
    ...(isAlone ? { singleFlight: false as const } : {}),
    ...(tags === undefined ? {} : { tags: () => tags(exchange.request) }),
    validate: (stored: unknown) => isCachedResponse(stored) && access.accepts(stored),
  };
}

/** Tells the traffic of a run, and what came of it. */
function watch(run: HandlerRun, { access, traffic, policy }: RoutePassage): void {
  const { key, isShared } = access;
  traffic.begin(key);
  const end = (): void => traffic.end(key);
  run.result.then((response) => {
    end();
    if (isShared) traffic.learn(key, response !== undefined, policy.cache.clock.coarseNowMs());
  }, end);
}
