import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  type CallHandler,
  type ExecutionContext,
  Injectable,
  Logger,
  type NestInterceptor,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost, ModuleRef } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { SystemClock } from '../../core/system-clock.js';
import { showBypass } from './response/answer-headers.js';
import { startTiming } from './response/server-timing.js';
import { BackgroundRefresh, isRefreshing } from './request/background-refresh.js';
import { checkThereIsCache, isMadeByNest } from './cache-presence.js';
import type { Exchange } from './exchange/exchange.js';
import { openExchange } from './exchange/open-exchange.js';
import { answerRequest } from './request/cached-route.js';
import { accessOf, type Bypass, type RouteAccess } from './route/route-access.js';
import { RoutePolicies, type RoutePolicy } from './route/route-policy.js';
import { RouteHistory } from './request/route-history.js';
import { invalidateOnSuccess, isUnsafe } from './unsafe-request.js';

/** Time that a shutdown waits for refreshes, in milliseconds. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Answers GET and HEAD from the cache, and stores responses that may be stored: see docs/http.md. Bind it with
 * `@UseInterceptors` on a controller or route, or as `APP_INTERCEPTOR`. If it is bound several times, it works once.
 * Guards run before it, on hits too. A fault of the cache never reaches a client: the handler runs instead.
 */
@Injectable()
export class CacheInterceptor implements NestInterceptor, OnModuleInit, BeforeApplicationShutdown {
  readonly #policies: RoutePolicies;
  readonly #history = new RouteHistory();
  readonly #refresh: BackgroundRefresh;
  readonly #logger = new Logger(CacheInterceptor.name);
  readonly #warned = new WeakSet<RoutePolicy>();

  readonly #moduleRef: ModuleRef;

  /** @throws CacheConfigError when it is made without Nest, and has no `ModuleRef` or finds no cache */
  constructor(moduleRef: ModuleRef) {
    this.#moduleRef = moduleRef;
    if (typeof (moduleRef as ModuleRef | undefined)?.get !== 'function') {
      throw new CacheConfigError(
        'Expected CacheInterceptor to be made by Nest or with a ModuleRef, got `new CacheInterceptor()` without one. ' +
          'Bind the class: `@UseInterceptors(CacheInterceptor)` or ' +
          '`{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }`. In main.ts, write ' +
          '`app.useGlobalInterceptors(new CacheInterceptor(app.get(ModuleRef)))`.',
      );
    }
    // Nest calls `onModuleInit`, with the same check, only on instances that it has made.
    if (!isMadeByNest(moduleRef, new.target)) checkThereIsCache(moduleRef);
    this.#policies = new RoutePolicies(moduleRef, CacheInterceptor);
    this.#refresh = new BackgroundRefresh(
      () => moduleRef.get(HttpAdapterHost, { strict: false }).httpAdapter.getHttpServer() as Server | undefined,
    );
  }

  /** @throws CacheConfigError for an application without a cache */
  onModuleInit(): void {
    checkThereIsCache(this.#moduleRef);
  }

  beforeApplicationShutdown(): Promise<void> {
    // With the real clock, because a test does not advance its own while the application closes.
    return this.#refresh.close(CLOSE_GRACE_MS, new SystemClock());
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const exchange = openExchange(context);
    if (exchange === undefined || !isFirst(exchange)) return next.handle();
    const policy = this.#policies.of(context);
    if (isUnsafe(exchange.request)) invalidateOnSuccess(exchange, this.#policies.caches);
    if (policy === undefined) return next.handle();
    if (policy.isDebugging) startTiming(exchange, policy.cache.clock);
    const access = this.#accessOf(policy, exchange);
    if ('forward' in access) {
      if (access.forward !== 'method') policy.cache.countBypass(policy.caller);
      showBypass(exchange, policy, access.forward, access.detail);
      return next.handle();
    }
    return answerRequest({
      exchange,
      policy,
      access,
      next,
      history: this.#history,
      refresh: this.#refresh,
      lastRun: this.#history.pastStore.last,
      isRefresh: isRefreshing(exchange),
    });
  }

  /** Bypasses the cache when a function of the route throws: the route must answer without a key. */
  #accessOf(policy: RoutePolicy, exchange: Exchange): RouteAccess | Bypass {
    try {
      return accessOf(policy, exchange.request);
    } catch (error) {
      if (!this.#warned.has(policy))
        this.#logger.warn(
          `${policy.identity} is not cached, because its \`key\`, \`scope\` or \`varyBy\` failed: ${String(error)}`,
        );
      this.#warned.add(policy);
      return { forward: 'bypass', detail: 'no-key' };
    }
  }
}

// Shared by all copies of the kit, so that one interceptor answers a request.
const TAKEN = Symbol.for('taken by CacheInterceptor');

/** True for the first interceptor that gets this request. */
function isFirst({ raw }: Exchange): boolean {
  // A property, because a `WeakSet` of requests computes a hash for each.
  const request = raw as { [TAKEN]?: true };
  if (request[TAKEN]) return false;
  request[TAKEN] = true;
  return true;
}
