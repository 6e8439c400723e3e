import { performance } from 'node:perf_hooks';
import type { Clock, Timer } from './ports/clock.port.js';

/**
 * Reads that one coarse time serves at most. In a chain of promises the event loop never turns, which would otherwise
 * keep the same time.
 */
const READS_PER_COARSE_TIME = 1024;

/** The real time. */
export class SystemClock implements Clock {
  #coarseMs = 0;
  #readsLeft = 0;
  #isTurnWatched = false;

  nowMs(): number {
    return performance.now();
  }

  coarseNowMs(): number {
    return this.#readsLeft-- > 0 ? this.#coarseMs : this.#readCoarse();
  }

  idleMs(): number {
    return performance.nodeTiming.idleTime;
  }

  wallMs(): number {
    return Date.now();
  }

  schedule(delayMs: number, task: () => void): Timer {
    // setTimeout fires at once for a delay that does not fit in 32 bits. Such a delay is split.
    let handle = setTimeout(
      function run() {
        if (delayMs <= MAX_TIMEOUT_MS) return task();
        delayMs -= MAX_TIMEOUT_MS;
        handle = setTimeout(run, Math.min(delayMs, MAX_TIMEOUT_MS)).unref();
      },
      Math.min(delayMs, MAX_TIMEOUT_MS),
    ).unref();
    return { cancel: () => clearTimeout(handle) };
  }

  #readCoarse(): number {
    this.#coarseMs = performance.now();
    this.#readsLeft = READS_PER_COARSE_TIME;
    if (!this.#isTurnWatched) {
      this.#isTurnWatched = true;
      // Without `unref`: the event loop must not sleep in its poll phase with an old time and use that for the next
      // request.
      setImmediate(() => {
        this.#isTurnWatched = false;
        this.#readsLeft = 0;
      });
    }
    return this.#coarseMs;
  }
}

const MAX_TIMEOUT_MS = 2_147_483_647;
