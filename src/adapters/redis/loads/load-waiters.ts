import type { Clock } from '../../../core/ports/clock.port.js';

/** Added to what is left of a lease, so that it is over when somebody looks. */
const AFTER_LEASE_MS = 5;
/** How often one looks where nobody can wake one: sooner at first. */
const LOOK_EVERY_MS = { least: 50, most: 500 };
/** And how often where one is woken, in case a message is lost. */
const LOOK_ANYWAY_MS = 1_000;

/** Who waits for the end of a load. */
export interface Watch {
  /** Resolves when the load has ended, or may have. Never rejects. */
  ended(leaseLeftMs: number): Promise<void>;
  close(): void;
}

/**
 * Callers that wait for loads of other processes. A watch is opened before the lease is asked for: the message of its
 * end may arrive before the answer that somebody has it.
 */
export class LoadWaiters {
  readonly #watches = new Map<string, Set<() => void>>();
  readonly #looks = new Map<string, number>();

  constructor(
    private readonly clock: Clock,
    private readonly isListening: () => boolean,
  ) {}

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
          const timer = this.clock.schedule(Math.min(leaseLeftMs + AFTER_LEASE_MS, this.#patienceMs(name)), () =>
            wake(),
          );
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
    this.#looks.delete(name);
    for (const wake of this.#watches.get(name) ?? []) wake();
  }

  /** Nobody waits any more. */
  wakeAll(): void {
    for (const name of this.#watches.keys()) this.wake(name);
  }

  #patienceMs(name: string): number {
    if (this.isListening()) return LOOK_ANYWAY_MS;
    const looks = this.#looks.get(name) ?? 0;
    this.#looks.set(name, looks + 1);
    return Math.min(LOOK_EVERY_MS.least * 2 ** looks, LOOK_EVERY_MS.most);
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
