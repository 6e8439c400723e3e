import type { CallHandler } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { BackgroundRefresh } from './background-refresh.js';
import type { Exchange } from '../exchange/exchange.js';
import type { RouteAccess } from '../route/route-access.js';
import type { RoutePolicy } from '../route/route-policy.js';
import type { RouteHistory } from './route-history.js';

/** The result of an interceptor. A hit in memory needs no promise. */
export type RouteAnswer = Observable<unknown> | Promise<Observable<unknown>>;

/** One GET or HEAD of a cached route, and everything that is needed to answer it. */
export interface RouteRequest {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly access: RouteAccess;
  readonly next: CallHandler;
  readonly history: RouteHistory;
  readonly refresh: BackgroundRefresh;
  /** Number of the last run past the store that had begun when the request came. */
  readonly lastRun: number;
  /** True for the request of a background refresh, which no stale response may answer. */
  readonly isRefresh: boolean;
}
