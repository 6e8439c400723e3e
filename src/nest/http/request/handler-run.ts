import { Observable, type Subscriber, type Subscription } from 'rxjs';
import type { Awaitable } from '../../../core/ports/cache-adapter.port.js';
import { EMPTY_BODY, type ReplyBody } from '../exchange/exchange.js';
import { OWN_FIELD } from '../message/cache-control.js';
import type { ForwardReason } from '../message/cache-status.js';
import { answerFor, finishAnswer, type Provenance, showBypass } from '../response/answer-headers.js';
import type { CachedResponse } from '../response/cached-response.js';
import type { Captured } from '../response/response-capture.js';
import { putBack, replay } from '../response/replay.js';
import { noteLoad } from '../response/server-timing.js';
import { TAG_FIELDS } from '../response/response-tags.js';
import type { Refusal } from '../response/storability.js';
import { type MaskedRequest, maskRequest } from '../route/request-masking.js';
import { accessAfterRun, type RouteAccess } from '../route/route-access.js';
import type { Outage, StoredReplacement } from './lookup.js';
import { ResponseObserver } from './response-observer.js';
import type { RouteRequest } from './route-request.js';

/*
 * One run of a handler, from its first step to the reply.
 *
 * "Inside" are the handler and the interceptors that run after the cache, "outside" those that run before it. The reply
 * is seen when it leaves Nest, after all interceptors, so that nothing is stored that one of them takes out.
 *
 * The run ends once, always: with a response to store, with the reason why there is none, or with an error. It must
 * end, because requests for the same key may wait for it:
 * - the handler throws: every waiting request gets the error, unless the route stores responses of that status;
 * - the subscription ends before the handler (a timeout outside, a client that has left): `RunAbandoned`, and a waiting
 *   request runs its handler;
 * - the handler is done, the client has left, and Nest sends no reply: the same, when the response is closed;
 * - the client leaves and the handler goes on: the run ends with the handler, and the response is stored.
 */

/** The run has ended without a response that can be shared: its client has left, or a timeout outside has answered. */
export class RunAbandoned extends Error {}

/** The result of a run. */
export interface RunResult {
  /** The response that can be stored. */
  readonly response?: CachedResponse;
  readonly refusal?: Refusal;
  readonly status: number;
  /** True when the response is for this request alone, and says nothing about the stored one. */
  readonly isOwn?: boolean;
  /** True when the response could have been stored if the handler had run for the cache. */
  readonly isStorable?: boolean;
}

/** Response headers that only this cache reads, and removes. */
const NOT_SENT = [OWN_FIELD, ...TAG_FIELDS];

/** Limit for a reply after the handler is done and the response is closed, in milliseconds. */
const LATE_REPLY_MS = 1_000;

export interface RunParts extends Pick<RouteRequest, 'exchange' | 'policy' | 'access' | 'next'> {
  /** The reason why the handler runs. */
  readonly reason: ForwardReason;
  /** The expired response that the handler may confirm with a 304. */
  readonly validating: CachedResponse | undefined;
  /** False when the handler runs for its client alone. */
  readonly isForCache: boolean;
  /** The outage that keeps the response out of the store, if it is known before the run. */
  readonly outage: Outage | undefined;
  /** Finds a stored response to send in place of a failure. */
  readonly rescue: () => Awaitable<StoredReplacement | undefined>;
}

export class HandlerRun {
  readonly result: Promise<RunResult>;
  #resolve!: (result: RunResult) => void;
  #reject!: (error: unknown) => void;

  #stage: 'waiting' | 'running' | 'done' = 'waiting';
  readonly #observer: ResponseObserver;
  readonly #mask: MaskedRequest;
  /** True when the handler sees something that a run for the cache would hide. */
  readonly #isOwn: boolean;
  #judgeConditions: (() => void) | undefined;
  #stopWatching: () => void = () => undefined;

  readonly #parts: RunParts;

  constructor(parts: RunParts) {
    this.#parts = parts;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => undefined);
    this.#observer = new ResponseObserver(parts);
    this.#mask = maskRequest(parts);
    this.#isOwn = !parts.isForCache && this.#mask.isNeeded;
    parts.exchange.onClose(() => this.#abandonUnlessRunning());
    if (parts.exchange.isClosed()) this.#abandonLater();
  }

  /** Runs the handler for the first subscriber. A later one, as of an interceptor that retries, runs it unobserved. */
  answer(): Observable<unknown> {
    return new Observable((subscriber) => {
      if (this.#stage !== 'waiting') return this.#parts.next.handle().subscribe(subscriber);
      this.#begin();
      const running = this.#run(subscriber);
      return () => {
        running.unsubscribe();
        if (this.#stage === 'running') this.#abandon();
      };
    });
  }

  #run(subscriber: Subscriber<unknown>): Subscription {
    return this.#parts.next.handle().subscribe({
      next: (value) => this.#pass(value, subscriber),
      error: (error: unknown) => {
        this.#observer.leaveInside();
        this.#fail(error, subscriber).catch(() => subscriber.error(error));
      },
      complete: () => {
        this.#observer.leaveInside();
        this.#complete();
        subscriber.complete();
      },
    });
  }

  #begin(): void {
    this.#stage = 'running';
    if (this.#parts.policy.isDebugging) noteLoad(this.#parts.exchange);
    this.#hideRequest();
    this.#stopWatching = this.#parts.exchange.watchReply((body) => this.#reply(body));
    this.#observer.enterInside();
  }

  /** Passes a value to the interceptors outside, which see the request as it is. */
  #pass(value: unknown, subscriber: Subscriber<unknown>): void {
    this.#observer.recordValue(value);
    this.#mask.show();
    // The whole response is needed. The conditions of the request are judged on it afterwards.
    this.#judgeConditions ??= this.#parts.exchange.ignoreConditions();
    this.#observer.leaveInside();
    subscriber.next(value);
    this.#observer.enterInside();
    // An operator outside that throws ends the subscription. The response to its error is not the handler's.
    if (subscriber.closed) this.#observer.discardOutcome();
    // The handler may go on after a first value.
    else this.#hideRequest();
  }

  #hideRequest(): void {
    if (!this.#isOwn) this.#mask.hide();
  }

  #restoreRequest(): void {
    this.#mask.show();
    this.#judgeConditions?.();
    this.#judgeConditions = undefined;
  }

  #complete(): void {
    this.#stage = 'done';
    this.#mask.show();
    if (this.#parts.exchange.isClosed()) this.#abandonLater();
  }

  async #fail(error: unknown, subscriber: Subscriber<unknown>): Promise<void> {
    const { exchange, policy, reason, validating } = this.#parts;
    const status = statusOf(error);
    this.#stage = 'done';
    this.#restoreRequest();
    if (policy.statusTtlsMs.has(status) || (status === 304 && validating !== undefined)) {
      // An exception filter turns the error into a response, and that response is stored.
      this.#observer.recordError(status);
      subscriber.error(error);
      return;
    }
    this.#stopWatching();
    // An error for this request alone is not passed to waiting requests.
    if (this.#isAlone()) this.#resolve({ status, isOwn: true });
    else this.#reject(error);
    const stale = isRescuable(status) ? this.#acceptable(await this.#parts.rescue()) : undefined;
    // An interceptor outside has answered meanwhile.
    if (subscriber.closed) return;
    if (stale === undefined) {
      showBypass(exchange, policy, reason, 'error');
      subscriber.error(error);
      return;
    }
    this.#observer.restoreHeaders();
    replay(exchange, stale.response, policy, stale.provenance).subscribe(subscriber);
  }

  #reply(body: Buffer | undefined): ReplyBody | Promise<ReplyBody> {
    const { exchange, validating } = this.#parts;
    this.#restoreRequest();
    if (body === undefined) return this.#sendUnstored(EMPTY_BODY, undefined);
    const status = exchange.status();
    const isOfHandler = this.#observer.hasHandlerStatus(status);
    if (status === 304 && validating !== undefined && isOfHandler) return this.#confirm(validating);
    // A status that an interceptor or exception outside has set refuses the request, and is sent.
    const stale = isOfHandler && isRescuable(status) ? this.#parts.rescue() : undefined;
    return stale instanceof Promise
      ? stale.then((found) => this.#replaceOrFinish(found, body))
      : this.#replaceOrFinish(stale, body);
  }

  #replaceOrFinish(found: StoredReplacement | undefined, body: Buffer): ReplyBody {
    const stale = this.#acceptable(found);
    return stale === undefined ? this.#finish(body) : this.#replace(stale, this.#parts.exchange.status());
  }

  /** True when the response is for this request alone. */
  #isAlone(): boolean {
    return this.#isOwn || this.#accessNow() !== this.#parts.access;
  }

  #acceptable(stale: StoredReplacement | undefined): StoredReplacement | undefined {
    return stale !== undefined && this.#accessNow().accepts(stale.response) ? stale : undefined;
  }

  #accessNow(): RouteAccess {
    const { access, policy, exchange } = this.#parts;
    return accessAfterRun(access, policy, exchange.request);
  }

  #finish(body: Buffer): ReplyBody {
    const { exchange, policy, access, outage } = this.#parts;
    const captured: Captured = this.#stage === 'done' ? this.#observer.capture(body) : { refusal: 'status' };
    for (const name of NOT_SENT) exchange.removeHeader(name);
    if ('refusal' in captured) return this.#sendUnstored(body, captured.refusal);
    const { response } = captured;
    if (!this.#accessNow().accepts(response)) return this.#sendUnstored(body, 'private');
    if (this.#isOwn && access.stores) return this.#sendUnstored(body, 'own-request');
    this.#resolve({ status: response.status, response, isOwn: this.#isOwn });
    const provenance = outage === undefined ? this.#missed(response) : bypassing(outage, access);
    const reply = finishAnswer(exchange, response, policy, provenance);
    return reply === response.body ? 'own' : reply;
  }

  #missed({ freshMs }: CachedResponse): Provenance {
    const { access, reason } = this.#parts;
    return {
      state: 'MISS',
      ...(access.stores ? { leftMs: freshMs } : {}),
      status: { forward: reason, ...(access.stores ? { isStored: true } : {}), key: access.key },
    };
  }

  #sendUnstored(body: Buffer, refusal: Refusal | undefined): ReplyBody {
    const { exchange, policy, reason } = this.#parts;
    this.#resolve({
      status: exchange.status(),
      ...(refusal === undefined ? {} : { refusal }),
      isOwn: this.#isAlone(),
      isStorable: refusal === 'own-request',
    });
    showBypass(exchange, policy, reason, refusal ?? 'stream');
    if (refusal === undefined) return 'own';
    const reply = answerFor(exchange, body);
    return reply === body ? 'own' : reply;
  }

  /** Sends the stored response in place of a 5xx of the handler (RFC 9111 section 4.2.4). */
  #replace({ response, provenance }: StoredReplacement, status: number): ReplyBody {
    const { exchange, policy } = this.#parts;
    this.#resolve({ status });
    this.#observer.restoreHeaders();
    putBack(exchange, response);
    return finishAnswer(exchange, response, policy, provenance);
  }

  /** Sends the stored response that a 304 of the handler has confirmed (RFC 9111 section 4.3.4). */
  #confirm(stored: CachedResponse): ReplyBody {
    const { exchange, policy, access, reason, outage } = this.#parts;
    const captured = this.#observer.captureConfirmed(stored);
    const isShareable = 'response' in captured && access.stores && this.#accessNow().accepts(captured.response);
    const isStored = isShareable && outage === undefined;
    this.#resolve({ status: 304, ...('refusal' in captured || isShareable ? captured : {}) });
    const sent = 'response' in captured ? captured.response : stored;
    putBack(exchange, sent);
    return finishAnswer(exchange, sent, policy, {
      state: 'REVALIDATED',
      ageMs: sent.initialAgeMs,
      ...(outage === undefined ? { leftMs: sent.freshMs } : {}),
      status: { forward: reason, forwardStatus: 304, isStored, key: access.key },
    });
  }

  #abandon(): void {
    const { exchange, policy, reason } = this.#parts;
    this.#stage = 'done';
    this.#stopWatching();
    this.#restoreRequest();
    showBypass(exchange, policy, reason, 'abandoned');
    this.#reject(new RunAbandoned('The request ended before its handler did.'));
  }

  #abandonUnlessRunning(): void {
    if (this.#stage !== 'running') this.#abandon();
  }

  #abandonLater(): void {
    this.#parts.policy.cache.clock.schedule(LATE_REPLY_MS, () => this.#abandonUnlessRunning());
  }
}

function bypassing(outage: Outage, { key }: RouteAccess): Provenance {
  return { state: 'BYPASS', status: { forward: 'bypass', detail: outage, key } };
}

/** The status that Nest's exception filters derive from an error; 500 for an error without one. */
export function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 500;
  const { getStatus, status, statusCode } = error as { getStatus?: unknown; status?: unknown; statusCode?: unknown };
  const code: unknown =
    typeof getStatus === 'function' ? (getStatus as () => unknown).call(error) : (statusCode ?? status);
  return typeof code === 'number' ? code : 500;
}

/** RFC 5861 section 4 names these. A 4xx answers this request, and no earlier response takes its place. */
export function isRescuable(status: number): boolean {
  return [500, 502, 503, 504].includes(status);
}
