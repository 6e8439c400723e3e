import type { IncomingHttpHeaders, Server } from 'node:http';
import { sharedByCopies } from '../../../core/vocabulary/copies.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import type { CacheRequest, Exchange } from '../exchange/exchange.js';
import { requestInProcess } from '../exchange/in-process-request.js';
import type { ClientSocket } from '../exchange/in-process-socket.js';
import type { RoutePolicy } from '../route/route-policy.js';

/** How long a refresh may take. */
const MAX_REFRESH_MS = 30_000;
/** How long a key is left alone after a refresh has failed. */
const PAUSE_MS = 5_000;
const MAX_PAUSED = 1_000;
/** How many refreshes run at once; the stale answers of other keys wait for their next request. */
const MAX_RUNNING = 32;

/** The requests of refreshes that are under way. */
const refreshing = sharedByCopies('refreshing-requests', () => new WeakSet());

/** Whether a request was made by a refresh. */
export function isRefreshing({ raw }: Exchange): boolean {
  return refreshing.has(raw);
}

export interface RefreshOrder {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly key: string;
}

/**
 * Computes answers anew that were served stale. The handler of the request that was answered cannot be run again: its
 * response is finished. So the server is asked, in this process, by a request like it: middleware, guards and handler
 * run as for a client, with a response that nobody waits for.
 */
export class BackgroundRefresh {
  readonly #running = new Map<string, { readonly done: Promise<void>; readonly abort: () => void }>();
  readonly #pausedUntilMs = new Map<string, number>();
  #isClosed = false;

  constructor(private readonly server: () => Server | undefined) {}

  /** One refresh of a key at a time, none of one that has just failed. */
  start({ exchange, policy, key }: RefreshOrder): void {
    const { clock } = policy.cache;
    const server = this.server();
    if (this.#isClosed || server === undefined || this.#running.has(key) || this.#running.size >= MAX_RUNNING) return;
    if (clock.coarseNowMs() < (this.#pausedUntilMs.get(key) ?? -Infinity)) return;
    this.#pausedUntilMs.delete(key);
    const { request } = exchange;
    const like = { url: request.originalUrl, headers: headersFor(request, policy), client: clientOf(request) };
    const { answered, abort } = requestInProcess(server, like, (own) => refreshing.add(own));
    const timer = clock.schedule(MAX_REFRESH_MS, abort);
    const done = answered
      .then(
        (status) => status < 500 || this.#pause(key, clock),
        () => this.#pause(key, clock),
      )
      .then(() => {
        timer.cancel();
        this.#running.delete(key);
      });
    this.#running.set(key, { done, abort });
  }

  /** Starts no more, waits for those that run, and gives them up after `graceMs`. */
  async close(graceMs: number, clock: Clock): Promise<void> {
    this.#isClosed = true;
    const running = [...this.#running.values()];
    const ended = Promise.all(running.map(({ done }) => done));
    if (await settledWithin(clock, graceMs, ended)) return;
    running.forEach(({ abort }) => abort());
    await ended;
  }

  #pause(key: string, clock: Clock): void {
    this.#pausedUntilMs.set(key, clock.nowMs() + PAUSE_MS);
    const oldest = this.#pausedUntilMs.keys().next();
    if (this.#pausedUntilMs.size > MAX_PAUSED && oldest.done !== true) this.#pausedUntilMs.delete(oldest.value);
  }
}

/** What was about the client's connection, its copy or its body. */
const DROPPED =
  /^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|content-.*|if-.*|range|cache-control|pragma|:.*)$/;

/** The credentials of a client are used for its own entries only. */
function headersFor(
  { headers, host }: CacheRequest,
  { scope, varyBy, identitySigns }: RoutePolicy,
): IncomingHttpHeaders {
  const isCredential = (name: string): boolean => name === 'authorization' || identitySigns.headers.includes(name);
  const isKept = (name: string): boolean =>
    !DROPPED.test(name) && (scope !== 'public' || !isCredential(name) || varyBy.some((header) => header.name === name));
  const kept = Object.entries(headers).filter(([name]) => isKept(name));
  return { ...(host === undefined ? {} : { host }), ...Object.fromEntries(kept) };
}

function clientOf(request: CacheRequest): ClientSocket {
  const { socket, raw } = request as { socket?: ClientSocket; raw?: { socket?: ClientSocket } };
  return socket ?? raw?.socket ?? {};
}
