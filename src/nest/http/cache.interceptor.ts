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
import { BackgroundRefresh, isRefreshing } from './request/background-refresh.js';
import { checkThereIsCache, isMadeByNest } from './cache-presence.js';
import type { Exchange } from './exchange/exchange.js';
import { openExchange } from './exchange/open-exchange.js';
import { answerRequest } from './request/cached-route.js';
import { accessOf, type Bypass, type RouteAccess } from './route/route-access.js';
import { RoutePolicies, type RoutePolicy } from './route/route-policy.js';
import { RouteHistory } from './request/route-history.js';
import { invalidateOnSuccess, isUnsafe } from './unsafe-request.js';

/** How long a shutdown waits for refreshes. */
const CLOSE_GRACE_MS = 5_000;

/**
 * Answers GET and HEAD from the cache, and stores what may be stored: see docs/http.md. Bind it with `@UseInterceptors`
 * on a controller or route, or as `APP_INTERCEPTOR`; bound several times it works once. Guards run before it, on hits
 * too. A fault of the cache never reaches a client: the handler runs instead.
 */
@Injectable()
export class CacheInterceptor implements NestInterceptor, OnModuleInit, BeforeApplicationShutdown {
  readonly #policies: RoutePolicies;
  readonly #history = new RouteHistory();
  readonly #refresh: BackgroundRefresh;
  readonly #logger = new Logger(CacheInterceptor.name);
  readonly #warned = new WeakSet<RoutePolicy>();

  /** @throws CacheConfigError where it is made by hand, without a `ModuleRef` or for an application without a cache */
  constructor(private readonly moduleRef: ModuleRef) {
    if (typeof (moduleRef as ModuleRef | undefined)?.get !== 'function') {
      throw new CacheConfigError(
        'CacheInterceptor finds its caches through Nest, and was made by hand. Bind the class: `@UseInterceptors(CacheInterceptor)` or ' +
          '`{ provide: APP_INTERCEPTOR, useClass: CacheInterceptor }`; in main.ts, `app.useGlobalInterceptors(new CacheInterceptor(app.get(ModuleRef)))`.',
      );
    }
    // Nest starts what it has made itself.
    if (!isMadeByNest(moduleRef, new.target)) checkThereIsCache(moduleRef);
    this.#policies = new RoutePolicies(moduleRef, CacheInterceptor);
    this.#refresh = new BackgroundRefresh(
      () => moduleRef.get(HttpAdapterHost, { strict: false }).httpAdapter.getHttpServer() as Server | undefined,
    );
  }

  /** @throws CacheConfigError for an application without a cache */
  onModuleInit(): void {
    checkThereIsCache(this.moduleRef);
  }

  beforeApplicationShutdown(): Promise<void> {
    // By the real time: nobody moves the clock of a test while its application closes.
    return this.#refresh.close(CLOSE_GRACE_MS, new SystemClock());
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const exchange = openExchange(context);
    if (exchange === undefined || !isFirst(exchange)) return next.handle();
    const policy = this.#policies.of(context);
    if (isUnsafe(exchange.request)) invalidateOnSuccess(exchange, this.#policies.caches);
    if (policy === undefined) return next.handle();
    const access = this.#accessOf(policy, exchange);
    if ('forward' in access) {
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

  /** A `key` or `scope` that throws leaves nothing to look up; the route must answer all the same. */
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

// One request passes the interceptor of one copy of the kit only.
const TAKEN = Symbol.for('taken by CacheInterceptor');

/** Whether no interceptor has taken this request yet. */
function isFirst({ raw }: Exchange): boolean {
  // A property, because a set of requests costs a hash for each.
  const request = raw as { [TAKEN]?: true };
  if (request[TAKEN]) return false;
  request[TAKEN] = true;
  return true;
}
