import type { IncomingHttpHeaders, Server } from 'node:http';
import type { Clock } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import { BoundedMap } from '../../../core/vocabulary/bounded-map.js';
import { sharedByCopies } from '../../../core/vocabulary/copies.js';
import type { CacheRequest, Exchange } from '../exchange/exchange.js';
import { requestInProcess } from '../exchange/in-process-request.js';
import type { ClientSocket } from '../exchange/in-process-socket.js';
import type { RoutePolicy } from '../route/route-policy.js';

/** Time limit of one refresh, in milliseconds. */
const MAX_REFRESH_MS = 30_000;
/** Pause of a key after a failed refresh, in milliseconds. */
const PAUSE_MS = 5_000;
/** Keys that can be paused; the half that was used last is never forgotten. */
const MAX_PAUSED = 2_000;
/** Refreshes that run side by side. A key over the limit is refreshed after one of its next requests. */
const MAX_RUNNING = 32;

/** The requests of refreshes that are under way. */
const refreshing = sharedByCopies('refreshing-requests', () => new WeakSet());

/** True for a request that a refresh has made. */
export function isRefreshing({ raw }: Exchange): boolean {
  return refreshing.has(raw);
}

export interface RefreshOrder {
  readonly exchange: Exchange;
  readonly policy: RoutePolicy;
  readonly key: string;
}

/**
 * Computes responses again after they were served stale. It cannot run the handler of the served request, whose
 * response is finished. So it sends a similar request to the server of this process, without a connection: middleware,
 * guards and handler run as for a client, with a response that nobody reads.
 */
export class BackgroundRefresh {
  readonly #running = new Map<string, { readonly done: Promise<void>; readonly abort: () => void }>();
  readonly #pausedUntilMs = new BoundedMap<string, number>(MAX_PAUSED);
  #isClosed = false;

  readonly #server: () => Server | undefined;

  constructor(server: () => Server | undefined) {
    this.#server = server;
  }

  /** Starts a refresh, unless one of the same key is running or has just failed. */
  start({ exchange, policy, key }: RefreshOrder): void {
    const { clock } = policy.cache;
    const server = this.#server();
    if (this.#isClosed || server === undefined || this.#running.has(key) || this.#running.size >= MAX_RUNNING) return;
    if (clock.coarseNowMs() < (this.#pausedUntilMs.get(key) ?? -Infinity)) return;
    this.#pausedUntilMs.delete(key);
    const { request } = exchange;
    const similar = { url: request.originalUrl, headers: headersFor(request, policy), client: clientOf(request) };
    const { answered, abort } = requestInProcess(server, similar, (own) => refreshing.add(own));
    const timer = clock.schedule(MAX_REFRESH_MS, abort);
    const pause = (): unknown => this.#pausedUntilMs.put(key, clock.nowMs() + PAUSE_MS);
    const done = answered
      .then((status) => status < 500 || pause(), pause)
      .then(() => {
        timer.cancel();
        this.#running.delete(key);
      });
    this.#running.set(key, { done, abort });
  }

  /** Starts no more refreshes, waits for those that run, and aborts them after `graceMs`. */
  async close(graceMs: number, clock: Clock): Promise<void> {
    this.#isClosed = true;
    const running = [...this.#running.values()];
    const ended = Promise.all(running.map(({ done }) => done));
    if (await settledWithin(clock, graceMs, ended)) return;
    running.forEach(({ abort }) => abort());
    await ended;
  }
}

/** Headers about the client's connection, its copy of the response or its body. */
const DROPPED = new RegExp(
  '^(?:connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|expect|' +
    'content-.*|if-.*|range|cache-control|pragma|:.*)$',
);

/** Headers of the refresh. It gets the credentials of the client only for entries of that client. */
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
