import { type Observable, throwError } from 'rxjs';
import type { Timer } from '../../../core/ports/clock.port.js';
import { showBypass } from '../response/answer-headers.js';
import type { RouteAnswer, RouteRequest } from './route-request.js';

/** Limit of waiting for the handler of another request, in milliseconds (as nginx's proxy_cache_lock_timeout). */
const MAX_WAIT_MS = 5_000;

/**
 * A request that waits for its turn, or for the result of another request. It is `waiting` until it is `leading`, which
 * runs its own handler, or `answered` in any other way. The first call of `lead` or `answer` decides, and later calls
 * do nothing. An error in making the answer is the answer: the request fails, and does not wait for ever.
 */
export class WaitingRequest {
  readonly result: Promise<Observable<unknown>>;
  #state: 'waiting' | 'leading' | 'answered' = 'waiting';
  #resolve!: (answer: RouteAnswer) => void;
  #reject!: (error: unknown) => void;
  #timer: Timer | undefined;

  readonly #request: RouteRequest;

  constructor(request: RouteRequest) {
    this.#request = request;
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  get isWaiting(): boolean {
    return this.#state === 'waiting';
  }

  /** Runs the request's own handler if it still waits after `MAX_WAIT_MS`. */
  limitWait(): this {
    const { clock } = this.#request.policy.cache;
    this.#timer = clock.schedule(MAX_WAIT_MS, () => this.answer(() => runUncached(this.#request, 'waited-too-long')));
    return this;
  }

  lead(run: () => RouteAnswer): void {
    this.#end('leading', run);
  }

  answer(make: () => RouteAnswer): void {
    this.#end('answered', make);
  }

  #end(state: 'leading' | 'answered', make: () => RouteAnswer): void {
    if (this.#state !== 'waiting') return;
    this.#state = state;
    this.#timer?.cancel();
    try {
      this.#resolve(make());
    } catch (error) {
      this.#reject(error);
    }
  }
}

/** Runs the handler for this request alone, and stores nothing. */
export function runUncached({ exchange, policy, next }: RouteRequest, detail: string): Observable<unknown> {
  showBypass(exchange, policy, 'bypass', detail);
  return next.handle();
}

/** Fails as the handler of another request did. */
export function failWith(error: unknown, { exchange, policy }: RouteRequest): Observable<unknown> {
  showBypass(exchange, policy, 'uri-miss', 'error');
  return throwError(() => error);
}
