import type { Clock } from '../../../core/ports/clock.port.js';

/** Added to the remaining time of a lease, so that the lease is over when a waiter asks again. */
const AFTER_LEASE_MS = 5;
/** Time until a waiter asks again when no message can wake it; it doubles with each attempt. */
const ASK_EVERY_MS = { least: 50, most: 500 };
/** Time until a waiter asks again although a message can wake it: the message may be lost. */
const ASK_ANYWAY_MS = 1_000;

/** One waiter for the end of a load. */
export interface Watch {
  /** Resolves when the load has ended or may have ended. Never rejects. */
  ended(leaseLeftMs: number): Promise<void>;
  close(): void;
}

/**
 * Callers of this process that wait for loads of other processes. A watch is opened before the lease is requested: the
 * message that the other load has ended may arrive before the reply that the lease is held.
 */
export class LoadWaiters {
  readonly #watches = new Map<string, Set<() => void>>();
  /** Attempts without a message, by name. */
  readonly #attempts = new Map<string, number>();

  readonly #clock: Clock;
  readonly #isListening: () => boolean;

  constructor(clock: Clock, isListening: () => boolean) {
    this.#clock = clock;
    this.#isListening = isListening;
  }

  get size(): number {
    return this.#watches.size;
  }

  watch(name: string): Watch {
    let isWoken = false;
    let resolve = (): void => undefined;
    const wake = (): void => {
      isWoken = true;
      resolve();
    };
    this.#add(name, wake);
    const close = (): void => this.#remove(name, wake);
    return {
      close,
      ended: (leaseLeftMs) =>
        new Promise<void>((settle) => {
          const waitMs = Math.min(leaseLeftMs + AFTER_LEASE_MS, this.#patienceMs(name));
          const timer = this.#clock.schedule(waitMs, () => wake());
          resolve = () => {
            timer.cancel();
            close();
            settle();
          };
          if (isWoken) resolve();
        }),
    };
  }

  wake(name: string): void {
    this.#attempts.delete(name);
    for (const wake of this.#watches.get(name) ?? []) wake();
  }

  /** Ends the wait of all callers. */
  wakeAll(): void {
    for (const name of this.#watches.keys()) this.wake(name);
  }

  #patienceMs(name: string): number {
    if (this.#isListening()) return ASK_ANYWAY_MS;
    const attempts = this.#attempts.get(name) ?? 0;
    this.#attempts.set(name, attempts + 1);
    return Math.min(ASK_EVERY_MS.least * 2 ** attempts, ASK_EVERY_MS.most);
  }

  #add(name: string, wake: () => void): void {
    const watches = this.#watches.get(name);
    if (watches === undefined) this.#watches.set(name, new Set([wake]));
    else watches.add(wake);
  }

  #remove(name: string, wake: () => void): void {
    const watches = this.#watches.get(name);
    watches?.delete(wake);
    if (watches?.size !== 0) return;
    this.#watches.delete(name);
  }
}
