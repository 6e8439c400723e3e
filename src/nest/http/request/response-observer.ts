import type { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { answerOf, readComputedTags } from '../../../core/vocabulary/option-functions.js';
import type { Exchange, HeaderMap } from '../exchange/exchange.js';
import { hostOf } from '../exchange/host-name.js';
import type { CachedResponse } from '../response/cached-response.js';
import { CookieWatch } from '../response/cookie-watch.js';
import { type Capture, type Captured, captureResponse, mergedHeaders } from '../response/response-capture.js';
import { hasChanged, restoreHeaders } from '../response/response-headers.js';
import { declaredTags, requestTag } from '../response/response-tags.js';
import { routePathOf } from '../route/route-key.js';
import type { RouteRequest } from './route-request.js';

/** The response as the handler and the interceptors inside the cache have left it. */
interface HandlerOutcome {
  readonly headers: HeaderMap;
  readonly status: number;
  readonly value: unknown;
  readonly isThrown: boolean;
}

/**
 * Observes how a handler changes its response, and captures the response to store. The body is the one that leaves
 * Nest, after all interceptors. The headers are those that the handler and the interceptors inside the cache set: the
 * difference of two snapshots, before the handler and after it. Interceptors outside set theirs on every request.
 */
export class ResponseObserver {
  readonly #before: HeaderMap;
  readonly #cookies: CookieWatch;
  readonly #exchange: Exchange;
  #outcome: HandlerOutcome | undefined;
  /** The error of the route's `tags`. */
  #tagError: CacheConfigError | undefined;

  readonly #request: Pick<RouteRequest, 'exchange' | 'policy' | 'access'>;

  constructor(request: Pick<RouteRequest, 'exchange' | 'policy' | 'access'>) {
    this.#request = request;
    this.#exchange = request.exchange;
    this.#before = request.exchange.headers();
    this.#cookies = new CookieWatch(request.exchange);
  }

  /** The handler or an interceptor inside runs from now on. */
  enterInside(): void {
    this.#cookies.enterInside();
  }

  /** An interceptor outside runs from now on. */
  leaveInside(): void {
    this.#cookies.leaveInside();
  }

  recordValue(value: unknown): void {
    this.#outcome = {
      headers: this.#exchange.headers(),
      status: this.#exchange.status(),
      value,
      isThrown: false,
    };
  }

  recordError(status: number): void {
    this.#outcome = { headers: this.#exchange.headers(), status, value: undefined, isThrown: true };
  }

  /** Forgets the outcome, so that the reply does not count as the handler's. */
  discardOutcome(): void {
    this.#outcome = undefined;
  }

  /**
   * False when an exception filter or an interceptor outside has set another status: the reply is not the handler's.
   */
  hasHandlerStatus(status: number): boolean {
    return status === this.#outcome?.status;
  }

  /** Puts the headers of the response back as they were before the handler. */
  restoreHeaders(): void {
    restoreHeaders(this.#exchange, this.#before);
  }

  /** The response to store, or the reason why nothing can be stored. */
  capture(body: Buffer): Captured {
    const { policy } = this.#request;
    if (!this.hasHandlerStatus(this.#exchange.status())) return { refusal: 'status' };
    const headers = this.#exchange.headers();
    const captured = captureResponse(this.#capture(body, headers, this.#tags(headers)), policy, this.#wallMs());
    if ('refusal' in captured && captured.refusal === 'tags' && this.#tagError !== undefined)
      policy.cache.reportMisuse(this.#tagError);
    return captured;
  }

  /** Combines the stored response with the headers of the 304 that confirms it, and restores the headers. */
  captureConfirmed(stored: CachedResponse): Captured {
    const headers = mergedHeaders(stored, this.#before, this.#exchange.headers());
    this.restoreHeaders();
    const confirmed = {
      ...this.#capture(stored.body, headers, stored.tags),
      status: stored.status,
      reason: stored.reason ?? undefined,
      own: headers,
      isComplete: true,
    };
    return captureResponse(confirmed, this.#request.policy, this.#wallMs());
  }

  #capture(body: Buffer, headers: HeaderMap, tags: readonly unknown[] | undefined): Capture {
    const { method } = this.#exchange.request;
    const own = this.#outcome?.headers ?? headers;
    const length = headers['content-length'];
    return {
      method,
      status: this.#exchange.status(),
      reason: this.#exchange.reason(),
      before: this.#before,
      own,
      headers,
      body,
      hasOwnCookie: this.#hasOwnCookie(headers),
      tags,
      isThrown: this.#outcome?.isThrown === true,
      hasOwnValidator: own.etag !== undefined || own['last-modified'] !== undefined,
      isComplete: length === undefined || Number(length) === body.length || method === 'HEAD',
    };
  }

  /** A cookie that an exception filter sets in its reply to the handler's error counts as the handler's. */
  #hasOwnCookie(headers: HeaderMap): boolean {
    return (
      this.#cookies.isSetInside || (this.#outcome?.isThrown === true && hasChanged('set-cookie', this.#before, headers))
    );
  }

  /** `undefined` when the route's function fails. */
  #tags(headers: HeaderMap): readonly unknown[] | undefined {
    const { policy, access } = this.#request;
    const { request } = this.#exchange;
    const { tags } = policy;
    const value = this.#outcome?.value;
    try {
      const ofRoute =
        typeof tags === 'function'
          ? answerOf('tags', routePathOf(request), () => tags(request, value), readComputedTags)
          : tags;
      return [...new Set<unknown>([requestTag(hostOf(request), access.url), ...ofRoute, ...declaredTags(headers)])];
    } catch (error) {
      this.#tagError = error as CacheConfigError;
      return undefined;
    }
  }

  #wallMs(): number {
    return this.#request.policy.cache.clock.wallMs();
  }
}
