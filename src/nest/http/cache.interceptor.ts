import { type CallHandler, type ExecutionContext, Injectable, Logger, type NestInterceptor, type OnModuleInit } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Observable } from 'rxjs';
import { showBypass } from './answer-headers.js';
import type { Exchange } from './exchange.js';
import { openExchange } from './open-exchange.js';
import { accessOf, type RouteAccess } from './route-access.js';
import { type RoutePassage, passThrough } from './route-passage.js';
import { RoutePolicies, type RoutePolicy } from './route-policy.js';
import { RouteTraffic } from './route-traffic.js';

/**
 * Answers GET and HEAD from the cache, and stores what may be stored: see docs/http.md. Bind it with `@UseInterceptors`
 * on a controller or route, or as `APP_INTERCEPTOR`; bound several times it works once. Guards run before it, on hits
 * too. A fault of the cache never reaches a client: the handler runs instead.
 */
@Injectable()
export class CacheInterceptor implements NestInterceptor, OnModuleInit {
  readonly #policies: RoutePolicies;
  readonly #traffic = new RouteTraffic();
  readonly #logger = new Logger(CacheInterceptor.name);
  readonly #warned = new WeakSet<RoutePolicy>();

  constructor(moduleRef: ModuleRef) {
    this.#policies = new RoutePolicies(moduleRef);
  }

  onModuleInit(): void {
    this.#policies.checkCaches();
  }

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> | Promise<Observable<unknown>> {
    if (context.getType() !== 'http') return next.handle();
    const policy = this.#policies.of(context);
    const exchange = policy === undefined ? undefined : openExchange(context);
    if (policy === undefined || exchange === undefined || !isFirst(exchange)) return next.handle();
    const access = this.#accessOf(policy, exchange);
    if (access === undefined) {
      showBypass(exchange, policy);
      return next.handle();
    }
    const passage: RoutePassage = { exchange, policy, access, next, traffic: this.#traffic };
    return passThrough(passage);
  }

  /** A `key` or `scope` that throws leaves nothing to look up; the route must answer all the same. */
  #accessOf(policy: RoutePolicy, exchange: Exchange): RouteAccess | undefined {
    try {
      return accessOf(policy, exchange.request);
    } catch (error) {
      if (!this.#warned.has(policy)) this.#logger.warn(`${policy.identity} is not cached, because its \`key\` or \`scope\` failed: ${String(error)}`);
      this.#warned.add(policy);
      return undefined;
    }
  }
}

const TAKEN = Symbol('taken by CacheInterceptor');

/** Whether no interceptor has taken this request yet. */
function isFirst({ raw }: Exchange): boolean {
  const request = raw as { [TAKEN]?: true };
  if (request[TAKEN]) return false;
  request[TAKEN] = true;
  return true;
}
