import type { Clock } from '../../../core/ports/clock.port.js';
import type { Exchange } from '../exchange/exchange.js';

/*
 * `Server-Timing` (W3C Server Timing section 3) of requests to routes that are debugged: `cache`, the time until the
 * store has answered, and `load`, the time from the start of the handler until its reply begins. Both in milliseconds.
 * No other request is measured.
 */

interface Timing {
  readonly clock: Clock;
  readonly startedMs: number;
  lookedUpMs?: number;
  loadStartedMs?: number;
  isShown?: true;
}

/** The timings of requests that are under way, by the request of `node:http`. */
const timings = new WeakMap<object, Timing>();

type Timed = Pick<Exchange, 'raw'>;

/** Measures a request from now on. */
export function startTiming({ raw }: Timed, clock: Clock): void {
  timings.set(raw, { clock, startedMs: clock.nowMs() });
}

/** Notes that the store has answered, or will not. The first time counts. */
export function noteLookup({ raw }: Timed): void {
  const timing = timings.get(raw);
  if (timing !== undefined) timing.lookedUpMs ??= timing.clock.nowMs();
}

/** Notes that the handler runs from now on. */
export function noteLoad({ raw }: Timed): void {
  const timing = timings.get(raw);
  if (timing !== undefined) timing.loadStartedMs ??= timing.clock.nowMs();
}

/**
 * Adds the timings to those that middleware and the handler have set; once for each request.
 * @param state as in `X-Cache`
 */
export function showTiming(exchange: Exchange, state: string): void {
  const timing = timings.get(exchange.raw);
  if (timing === undefined || timing.isShown === true) return;
  timing.isShown = true;
  const { clock, startedMs, lookedUpMs, loadStartedMs } = timing;
  const nowMs = clock.nowMs();
  const earlier = exchange.header('server-timing');
  const metrics = [
    ...(earlier === undefined ? [] : [earlier].flat().map(String)),
    `cache;desc="${state}";dur=${rounded((lookedUpMs ?? loadStartedMs ?? nowMs) - startedMs)}`,
    ...(loadStartedMs === undefined ? [] : [`load;dur=${rounded(nowMs - loadStartedMs)}`]),
  ];
  exchange.setHeader('server-timing', metrics.join(', '));
}

/** Microseconds are enough, and fewer would show a hit as 0. */
function rounded(ms: number): number {
  return Math.round(ms * 1_000) / 1_000;
}
