import { type CallHandler } from '@nestjs/common';
import { Observable, type Subscriber } from 'rxjs';
import type { Clock } from '../../core/ports/clock.port.js';
import { applyConditions, finishAnswer, showBypass } from './answer-headers.js';
import { cachedResponse, type CachedResponse } from './cached-response.js';
import { hideConditions, weakEtag } from './conditional-request.js';
import { EMPTY_BODY, type Exchange, type HeaderMap, type ReplyForm } from './exchange.js';
import { changedHeaders, removedHeaders, restoreHeaders } from './response-headers.js';
import type { RouteAccess } from './route-access.js';
import type { RoutePolicy } from './route-policy.js';
import { judge } from './storability.js';

/*
 * One run of a handler, watched from its first step to the reply, to learn what can be stored.
 *
 * What is stored is the answer as it leaves Nest: the bytes, after all interceptors, so that no order of interceptors
 * can bring out a field that one of them leaves out. The headers are those that the handler and the interceptors inside
 * the cache have set: two pictures are taken, before the handler and when its value comes back. Interceptors outside
 * set theirs on every request.
 *
 * The run ends once, whatever happens: with a response to be stored; with `undefined` for an answer that is nobody
 * else's; or with an error. It must end, because requests for the same key may wait for it:
 * - the handler throws: its error is everybody's;
 * - the subscription is ended first (an outer time-out, a client that has left): `RunAbandoned`, and a waiter runs;
 * - the handler is done but nobody replies, because the client has left: the same, when the response is closed;
 * - the handler goes on after the client has left: it ends when the handler does, and the answer is stored.
 */

/** Nobody is left who could tell what the handler would have answered. */
export class RunAbandoned extends Error {}

/** How long a reply may take after the handler is done and the response is closed. */
const LATE_REPLY_MS = 1_000;

/** What is answered in the place of the handler's error; `undefined`: nothing is. */
export type Rescue = () => Promise<Observable<unknown> | undefined>;

export interface RunParts {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly access: RouteAccess;
  readonly next: CallHandler;
  readonly clock: Clock;
}

export class HandlerRun {
  readonly result: Promise<CachedResponse | undefined>;
  #resolve!: (response: CachedResponse | undefined) => void;
  #reject!: (error: unknown) => void;

  readonly #before: HeaderMap;
  #after: { readonly headers: HeaderMap; readonly status: number } | undefined;
  #stage: 'waiting' | 'running' | 'done' = 'waiting';
  #restoreRequest: () => void = () => undefined;
  #stopWatching: () => void = () => undefined;

  constructor(private readonly parts: RunParts) {
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.result.catch(() => undefined);
    this.#before = parts.exchange.headers();
    parts.exchange.onClose(() => this.#abandonUnlessRunning());
    if (parts.exchange.isClosed()) this.#abandonLater();
  }

  /** Runs the handler for the first subscriber; a later one, such as a retrying interceptor's, has the handler unwatched. */
  answer(rescue: Rescue): Observable<unknown> {
    return new Observable((subscriber) => {
      if (this.#stage !== 'waiting') return this.parts.next.handle().subscribe(subscriber);
      this.#begin();
      const running = this.parts.next.handle().subscribe({
        next: (value) => {
          this.#after = { headers: this.parts.exchange.headers(), status: this.parts.exchange.status() };
          subscriber.next(value);
          // An operator outside that throws ends the subscription: what is answered then is not the handler's.
          if (subscriber.closed) this.#after = undefined;
        },
        error: (error: unknown) => void this.#fail(error, rescue, subscriber),
        complete: () => {
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
    const { exchange, access } = this.parts;
    this.#stage = 'running';
    const restoreConditions = hideConditions(exchange.request.headers);
    const restoreQuery = hideParameters(exchange, access);
    this.#restoreRequest = () => {
      this.#restoreRequest = () => undefined;
      restoreQuery();
      restoreConditions();
    };
    this.#stopWatching = exchange.watchReply((body) => this.#reply(body));
  }

  #complete(): void {
    this.#stage = 'done';
    if (this.parts.exchange.isClosed()) this.#abandonLater();
  }

  async #fail(error: unknown, rescue: Rescue, subscriber: Subscriber<unknown>): Promise<void> {
    const { exchange, policy } = this.parts;
    this.#stage = 'done';
    this.#letGo();
    const isRescuable = policy.staleIfErrorMs > 0 && !isClientsFault(error);
    if (policy.staleIfErrorMs > 0 && !isRescuable) this.#resolve(undefined);
    else this.#reject(error);
    const rescued = isRescuable ? await rescue() : undefined;
    if (rescued !== undefined) {
      rescued.subscribe(subscriber);
      return;
    }
    showBypass(exchange, policy);
    subscriber.error(error);
  }

  /** Leaves no trace of a failed handler, for an answer that takes its place. */
  undo(): void {
    restoreHeaders(this.parts.exchange, this.#before);
  }

  #reply(body: Buffer | undefined): ReplyForm {
    const { exchange, policy, access } = this.parts;
    this.#restoreRequest();
    const response = body === undefined ? undefined : this.#responseOf(body);
    this.#resolve(access.stores && response !== undefined && access.accepts(response) ? response : undefined);
    if (response === undefined || !access.accepts(response)) {
      showBypass(exchange, policy);
      return body === undefined ? 'full' : applyConditions(exchange);
    }
    return finishAnswer(exchange, response, policy, { state: 'MISS', ...(access.stores ? { leftMs: response.ttlMs } : {}) });
  }

  /** The response to be stored; `undefined` when the answer may not be, or is not the one that the handler gave. */
  #responseOf(body: Buffer): CachedResponse | undefined {
    const { exchange, policy, clock } = this.parts;
    const after = this.#after;
    if (after === undefined || this.#stage !== 'done' || exchange.status() !== after.status) return undefined;
    const headers = exchange.headers();
    const nowMs = clock.wallMs();
    const judgement = judge({ status: after.status, before: this.#before, headers, hasPendingCookie: exchange.hasPendingCookie(), body }, policy, nowMs);
    if ('refusal' in judgement) return undefined;
    return cachedResponse({
      ...judgement,
      status: after.status,
      headers: changedHeaders(this.#before, after.headers),
      removed: removedHeaders(this.#before, after.headers),
      contentType: headers['content-type'] === undefined ? null : String(headers['content-type']),
      etag: this.#etagOf(body, headers),
      date: new Date(nowMs).toUTCString(),
      body: after.status === 204 ? EMPTY_BODY : body,
    });
  }

  /** The handler's own or the platform's, or one of the bytes; the body of a HEAD is not there to be counted. */
  #etagOf(body: Buffer, { etag }: HeaderMap): string | null {
    if (etag !== undefined) return String(etag);
    const isUnknown = this.parts.exchange.request.method === 'HEAD' && body.length === 0;
    return isUnknown || this.#after?.status !== 200 ? null : weakEtag(body);
  }

  #abandon(): void {
    this.#stage = 'done';
    this.#letGo();
    showBypass(this.parts.exchange, this.parts.policy);
    this.#reject(new RunAbandoned('The request ended before its handler did.'));
  }

  #abandonUnlessRunning(): void {
    if (this.#stage !== 'running') this.#abandon();
  }

  #abandonLater(): void {
    this.parts.clock.schedule(LATE_REPLY_MS, () => this.#abandonUnlessRunning());
  }

  #letGo(): void {
    this.#stopWatching();
    this.#restoreRequest();
  }
}

function hideParameters(exchange: Exchange, { dropped, url }: RouteAccess): () => void {
  if (dropped.length === 0) return () => undefined;
  const query = Object.entries(exchange.request.query).filter(([name]) => !dropped.includes(name));
  return exchange.replaceQuery(Object.fromEntries(query), url);
}

/** A 4xx is the answer to this request, and no reason to fall back on an earlier one. */
function isClientsFault(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { getStatus, status, statusCode } = error as { getStatus?: unknown; status?: unknown; statusCode?: unknown };
  const code: unknown = typeof getStatus === 'function' ? (getStatus as () => unknown).call(error) : (statusCode ?? status);
  return typeof code === 'number' && code >= 400 && code < 500;
}
