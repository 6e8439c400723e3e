import type { CallHandler } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { BackgroundRefresh } from './background-refresh.js';
import type { Exchange } from '../exchange/exchange.js';
import type { RouteAccess } from '../route/route-access.js';
import type { RoutePolicy } from '../route/route-policy.js';
import type { RouteHistory } from './route-history.js';

export type RouteAnswer = Observable<unknown> | Promise<Observable<unknown>>;

/** One request on its way through the cache. */
export interface RouteRequest {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly access: RouteAccess;
  readonly next: CallHandler;
  readonly history: RouteHistory;
  readonly refresh: BackgroundRefresh;
  /** The last run past the store that had begun when the request came. */
  readonly lastRun: number;
  /** The request of a background refresh: nothing stale answers it. */
  readonly isRefresh: boolean;
}
