import { type CallHandler } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import type { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { answerOf, readComputedTags } from '../../../core/vocabulary/option-functions.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { answerFor, finishAnswer, type Provenance, showBypass } from '../response/answer-headers.js';
import type { ForwardReason } from '../message/cache-status.js';
import { OWN_FIELD } from '../message/cache-control.js';
import type { CachedResponse } from '../response/cached-response.js';
import { type Capture, captureResponse, mergedHeaders } from '../response/response-capture.js';
import { CookieWatch } from '../response/cookie-watch.js';
import { EMPTY_BODY, type Exchange, type HeaderMap, type ReplyBody } from '../exchange/exchange.js';
import { maskRequest, type MaskedRequest } from './request-masking.js';
import { putBack, replay } from '../response/replay.js';
import { hasChanged, restoreHeaders } from '../response/response-headers.js';
import { declaredTags, requestTag, TAG_FIELDS } from '../response/response-tags.js';
import { accessAfterRun, type RouteAccess } from '../route/route-access.js';
import { hostOf } from '../exchange/host-name.js';
import { routePathOf } from '../route/route-key.js';
import type { RoutePolicy } from '../route/route-policy.js';
import type { Refusal } from '../response/storability.js';

/*
 * One run of a handler, watched from its first step to the reply, to learn what can be stored.
 *
 * What is stored is the answer as it leaves Nest: the bytes, after all interceptors, so that no order of interceptors
 * can bring out a field that one of them leaves out. The headers are those that the handler and the interceptors inside
 * the cache have set: two pictures are taken, before the handler and when its value comes back. Interceptors outside
 * set theirs on every request.
 *
 * The run ends once, whatever happens: with a response to be stored; with the reason why there is none; or with an
 * error. It must end, because requests for the same key may wait for it:
 * - the handler throws: its error is everybody's, unless the route stores answers of that status;
 * - the subscription is ended first (an outer time-out, a client that has left): `RunAbandoned`, and a waiter runs;
 * - the handler is done but nobody replies, because the client has left: the same, when the response is closed;
 * - the handler goes on after the client has left: it ends when the handler does, and the answer is stored.
 */

/** Nobody is left who could tell what the handler would have answered. */
export class RunAbandoned extends Error {}

/** What came of a run. */
export interface RunResult {
  /** What could be stored. */
  readonly response?: CachedResponse;
  readonly refusal?: Refusal;
  readonly status: number;
  /** The answer is about this request alone, and says nothing about what is stored. */
  readonly isOwn?: boolean;
  /** A run for the cache would have had an answer to be stored. */
  readonly isStorable?: boolean;
}

/** For this cache alone. */
const NOT_SENT = [OWN_FIELD, ...TAG_FIELDS];

/** How long a reply may take after the handler is done and the response is closed. */
const LATE_REPLY_MS = 1_000;

/** A stored response in the place of a failure; `undefined` where there is none that may be served. Never rejects. */
export type Rescue = () => Replacement | undefined | Promise<Replacement | undefined>;

export interface Replacement {
  readonly response: CachedResponse;
  readonly how: Provenance;
}

export interface RunParts {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly access: RouteAccess;
  readonly next: CallHandler;
  readonly clock: Clock;
  /** Why the handler runs. */
  readonly reason: ForwardReason;
  /** The expired response that the handler is asked about. */
  readonly validating: CachedResponse | undefined;
  /** Otherwise it runs for its client alone. */
  readonly isForCache: boolean;
  /** Why the store does not take the answer, where that is known before the handler runs. */
  readonly outage: Outage | undefined;
  readonly rescue: Rescue;
}

/** The store does not answer in time, or cannot be reached. */
export type Outage = 'store-slow' | 'store-error';

export class HandlerRun {
  readonly result: Promise<RunResult>;
  #resolve!: (result: RunResult) => void;
  #reject!: (error: unknown) => void;

  readonly #before: HeaderMap;
  #after:
    | { readonly headers: HeaderMap; readonly status: number; readonly value: unknown; readonly isThrown: boolean }
    | undefined;
  #stage: 'waiting' | 'running' | 'done' = 'waiting';
  readonly #cookies: CookieWatch;
  readonly #mask: MaskedRequest;
  /** The handler sees something that a run for the cache would not show it. */
  readonly #isOwn: boolean;
  #judgeConditions: (() => void) | undefined;
  /** Why the route's `tags` could not be used. */
  #tagFault: CacheConfigError | undefined;
  #stopWatching: () => void = () => undefined;

  constructor(private readonly parts: RunParts) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => undefined);
    this.#before = parts.exchange.headers();
    this.#cookies = new CookieWatch(parts.exchange);
    this.#mask = maskRequest(parts);
    this.#isOwn = !parts.isForCache && this.#mask.isNeeded;
    parts.exchange.onClose(() => this.#abandonUnlessRunning());
    if (parts.exchange.isClosed()) this.#abandonLater();
  }

  /**
   * Runs the handler for the first subscriber; a later one, such as a retrying interceptor's, has the handler
   * unwatched.
   */
  answer(): Observable<unknown> {
    return new Observable((subscriber) => {
      if (this.#stage !== 'waiting') return this.parts.next.handle().subscribe(subscriber);
      this.#begin();
      const running = this.parts.next.handle().subscribe({
        next: (value) => {
          this.#see(value, this.parts.exchange.status(), false);
          this.#unmask();
          this.#cookies.leaveInside();
          subscriber.next(value);
          this.#cookies.enterInside();
          // An operator outside that throws ends the subscription: what is answered then is not the handler's.
          if (subscriber.closed) this.#after = undefined;
          else this.#maskAgain();
        },
        error: (error: unknown) => {
          this.#cookies.leaveInside();
          this.#fail(error, subscriber).catch(() => subscriber.error(error));
        },
        complete: () => {
          this.#cookies.leaveInside();
          this.#complete();
          subscriber.complete();
        },
      });
      return () => {
        running.unsubscribe();
        if (this.#stage === 'running') this.#abandon();
      };
    });
  }

  #begin(): void {
    this.#stage = 'running';
    if (!this.#isOwn) this.#mask.hide();
    this.#stopWatching = this.parts.exchange.watchReply((body) => this.#reply(body));
    this.#cookies.enterInside();
  }

  /**
   * Interceptors outside see the request as it is. The whole answer is wanted all the same, to be judged afterwards.
   */
  #unmask(): void {
    this.#mask.show();
    this.#judgeConditions ??= this.parts.exchange.ignoreConditions();
  }

  /** The handler may go on after a first value. */
  #maskAgain(): void {
    if (!this.#isOwn) this.#mask.hide();
  }

  #restoreRequest(): void {
    this.#mask.show();
    this.#judgeConditions?.();
    this.#judgeConditions = undefined;
  }

  #see(value: unknown, status: number, isThrown: boolean): void {
    this.#after = { headers: this.parts.exchange.headers(), status, value, isThrown };
  }

  #complete(): void {
    this.#stage = 'done';
    this.#mask.show();
    if (this.parts.exchange.isClosed()) this.#abandonLater();
  }

  async #fail(error: unknown, subscriber: Subscriber<unknown>): Promise<void> {
    const { exchange, policy, reason, validating } = this.parts;
    const status = statusOf(error);
    this.#stage = 'done';
    this.#restoreRequest();
    if (policy.statusTtlsMs.has(status) || (status === 304 && validating !== undefined)) {
      // A filter makes the answer of it; that answer is the one to be stored.
      this.#see(undefined, status, true);
      subscriber.error(error);
      return;
    }
    this.#stopWatching();
    // Nor is the error of somebody who was found out inside for those who wait.
    if (!this.#isAlone()) this.#reject(error);
    else this.#resolve({ status, isOwn: true });
    const stale = isRescuable(status) ? this.#acceptable(await this.parts.rescue()) : undefined;
    // An interceptor outside has answered meanwhile.
    if (subscriber.closed) return;
    if (stale === undefined) {
      showBypass(exchange, policy, reason, 'error');
      subscriber.error(error);
      return;
    }
    restoreHeaders(exchange, this.#before);
    replay(exchange, stale.response, policy, stale.how).subscribe(subscriber);
  }

  #reply(body: Buffer | undefined): ReplyBody | Promise<ReplyBody> {
    const { exchange } = this.parts;
    this.#restoreRequest();
    if (body === undefined) return this.#pass(EMPTY_BODY, undefined);
    const status = exchange.status();
    const { validating } = this.parts;
    if (status === 304 && validating !== undefined && this.#after?.status === 304) return this.#confirm(validating);
    // A status that an interceptor outside or its exception has set is a refusal of the request.
    const stale = status === this.#after?.status && isRescuable(status) ? this.parts.rescue() : undefined;
    return stale instanceof Promise
      ? stale.then((found) => this.#replaceOrFinish(found, body))
      : this.#replaceOrFinish(stale, body);
  }

  #replaceOrFinish(found: Replacement | undefined, body: Buffer): ReplyBody {
    const stale = this.#acceptable(found);
    return stale === undefined ? this.#finish(body) : this.#replace(stale, this.parts.exchange.status());
  }

  /** The answer is about this request alone. */
  #isAlone(): boolean {
    return this.#isOwn || this.#accessNow() !== this.parts.access;
  }

  #acceptable(stale: Replacement | undefined): Replacement | undefined {
    return stale !== undefined && this.#accessNow().accepts(stale.response) ? stale : undefined;
  }

  #accessNow(): RouteAccess {
    const { access, policy, exchange } = this.parts;
    return accessAfterRun(access, policy, exchange.request);
  }

  #finish(body: Buffer): ReplyBody {
    const { exchange, policy, access, outage } = this.parts;
    const captured = this.#captured(body);
    for (const name of NOT_SENT) exchange.removeHeader(name);
    if ('refusal' in captured) {
      if (captured.refusal === 'tags' && this.#tagFault !== undefined) policy.cache.reportMisuse(this.#tagFault);
      return this.#pass(body, captured.refusal);
    }
    const { response } = captured;
    if (!this.#accessNow().accepts(response)) return this.#pass(body, 'private');
    if (this.#isOwn && access.stores) return this.#pass(body, 'own-request');
    this.#resolve({ status: response.status, response, isOwn: this.#isOwn });
    const reply = finishAnswer(
      exchange,
      response,
      policy,
      outage === undefined ? this.#missed(response) : bypassing(outage, access),
    );
    return reply === response.body ? 'own' : reply;
  }

  #missed({ freshMs }: CachedResponse): Provenance {
    const { access, reason } = this.parts;
    return {
      state: 'MISS',
      ...(access.stores ? { leftMs: freshMs } : {}),
      status: { forward: reason, ...(access.stores ? { isStored: true } : {}), key: access.key },
    };
  }

  /** An answer that is nobody else's. */
  #pass(body: Buffer, refusal: Refusal | undefined): ReplyBody {
    const { exchange, policy, reason } = this.parts;
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

  /** The stored response in the place of a 5xx that the handler has answered (RFC 9111 section 4.2.4). */
  #replace({ response, how }: Replacement, status: number): ReplyBody {
    const { exchange, policy } = this.parts;
    this.#resolve({ status });
    restoreHeaders(exchange, this.#before);
    putBack(exchange, response);
    return finishAnswer(exchange, response, policy, how);
  }

  #captured(body: Buffer): ReturnType<typeof captureResponse> {
    const { exchange, policy, clock } = this.parts;
    // What an exception filter or an interceptor outside has made of it is not the handler's answer.
    if (this.#stage !== 'done' || exchange.status() !== this.#after?.status) return { refusal: 'status' };
    return captureResponse(this.#capture(body, exchange.headers()), policy, clock.wallMs());
  }

  /** The handler says that the stored response still holds (RFC 9111 section 4.3.4). */
  #confirm(stored: CachedResponse): ReplyBody {
    const { exchange, policy, access, clock, reason, outage } = this.parts;
    const headers = mergedHeaders(stored, this.#before, exchange.headers());
    restoreHeaders(exchange, this.#before);
    const confirmed = {
      ...this.#capture(stored.body, headers),
      status: stored.status,
      reason: stored.reason ?? undefined,
      own: headers,
      tags: stored.tags,
      isComplete: true,
    };
    const captured = captureResponse(confirmed, policy, clock.wallMs());
    const isOthers = 'response' in captured && access.stores && this.#accessNow().accepts(captured.response);
    const isStored = isOthers && outage === undefined;
    this.#resolve({ status: 304, ...('refusal' in captured || isOthers ? captured : {}) });
    const sent = 'response' in captured ? captured.response : stored;
    putBack(exchange, sent);
    const status = { forward: reason, forwardStatus: 304, isStored, key: access.key };
    return finishAnswer(exchange, sent, policy, {
      state: 'REVALIDATED',
      ageMs: sent.initialAgeMs,
      ...(outage === undefined ? { leftMs: sent.freshMs } : {}),
      status,
    });
  }

  #capture(body: Buffer, headers: HeaderMap): Capture {
    const { exchange } = this.parts;
    const { method } = exchange.request;
    const own = this.#after?.headers ?? headers;
    const length = headers['content-length'];
    return {
      method,
      status: exchange.status(),
      reason: exchange.reason(),
      before: this.#before,
      own,
      headers,
      body,
      hasOwnCookie: this.#hasOwnCookie(headers),
      tags: this.#tagsOf(headers),
      isThrown: this.#after?.isThrown === true,
      hasOwnValidator: own.etag !== undefined || own['last-modified'] !== undefined,
      isComplete: length === undefined || Number(length) === body.length || method === 'HEAD',
    };
  }

  /** The answer that a filter makes of an error is the handler's. */
  #hasOwnCookie(headers: HeaderMap): boolean {
    return (
      this.#cookies.isSetInside || (this.#after?.isThrown === true && hasChanged('set-cookie', this.#before, headers))
    );
  }

  /** `undefined` when the route's function fails. */
  #tagsOf(headers: HeaderMap): readonly unknown[] | undefined {
    const { policy, access, exchange } = this.parts;
    const { tags } = policy;
    try {
      const named =
        typeof tags === 'function'
          ? answerOf(
              'tags',
              routePathOf(exchange.request),
              () => tags(exchange.request, this.#after?.value),
              readComputedTags,
            )
          : tags;
      return [
        ...new Set<unknown>([requestTag(hostOf(exchange.request), access.url), ...named, ...declaredTags(headers)]),
      ];
    } catch (error) {
      this.#tagFault = error as CacheConfigError;
      return undefined;
    }
  }

  #abandon(): void {
    this.#stage = 'done';
    this.#stopWatching();
    this.#restoreRequest();
    showBypass(this.parts.exchange, this.parts.policy, this.parts.reason, 'abandoned');
    this.#reject(new RunAbandoned('The request ended before its handler did.'));
  }

  #abandonUnlessRunning(): void {
    if (this.#stage !== 'running') this.#abandon();
  }

  #abandonLater(): void {
    this.parts.clock.schedule(LATE_REPLY_MS, () => this.#abandonUnlessRunning());
  }
}

function bypassing(outage: Outage, { key }: RouteAccess): Provenance {
  return { state: 'BYPASS', status: { forward: 'bypass', detail: outage, key } };
}

/** The status that Nest's filters make of an error; 500 for one that has none. */
export function statusOf(error: unknown): number {
  if (typeof error !== 'object' || error === null) return 500;
  const { getStatus, status, statusCode } = error as { getStatus?: unknown; status?: unknown; statusCode?: unknown };
  const code: unknown =
    typeof getStatus === 'function' ? (getStatus as () => unknown).call(error) : (statusCode ?? status);
  return typeof code === 'number' ? code : 500;
}

/**
 * RFC 5861 section 4 names these; a 4xx is the answer to this request, and no reason to fall back on an earlier one.
 */
export function isRescuable(status: number): boolean {
  return [500, 502, 503, 504].includes(status);
}
