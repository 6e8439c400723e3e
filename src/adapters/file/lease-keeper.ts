import type { Clock, Timer } from '../../core/ports/clock.port.js';
import { ProcessHold } from '../../core/ports/process-hold.js';
import { isLeased, LEASE_MS, renewLease } from './store/leases.js';
import type { OrderedStore } from './store/ordered-store.port.js';

/** The leases of one load. */
export interface HeldLeases {
  readonly ids: readonly Buffer[];
  readonly token: Buffer;
}

interface Wait {
  readonly id: Buffer;
  readonly resolve: () => void;
}

const RENEW_EVERY_MS = LEASE_MS / 3;
/** Interval between two looks at leases: no process is notified of changes by others. */
const LOOK_EVERY_MS = 10;

/** Renews the leases of running loads, and wakes waiters when the leases of other processes are free. */
export class LeaseKeeper {
  readonly #store: OrderedStore;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  readonly #held = new Set<HeldLeases>();
  /** Keeps a script alive that waits for another process: the timers of the clock do not. */
  readonly #hold = new ProcessHold();
  #waits: Wait[] = [];
  #renewal: Timer | undefined;
  #look: Timer | undefined;

  constructor(store: OrderedStore, clock: Clock, onError: (error: unknown) => void) {
    this.#store = store;
    this.#clock = clock;
    this.#onError = onError;
  }

  keep(held: HeldLeases): void {
    this.#held.add(held);
    this.#renewal ??= this.#clock.schedule(RENEW_EVERY_MS, () => this.#renew());
  }

  drop(held: HeldLeases): void {
    this.#held.delete(held);
    if (this.#held.size > 0) return;
    this.#renewal?.cancel();
    this.#renewal = undefined;
  }

  /** Lets waiters of this process look at once, because some leases were released. */
  released(): void {
    if (this.#waits.length === 0) return;
    this.#look?.cancel();
    this.#wake();
  }

  /** Resolves when nobody has the lease any more. Never rejects. */
  untilFree(id: Buffer): Promise<void> {
    const wait = (): Promise<void> =>
      new Promise((resolve) => {
        this.#waits.push({ id, resolve });
        this.#look ??= this.#clock.schedule(LOOK_EVERY_MS, () => this.#wake());
      });
    return this.#hold.during(wait);
  }

  close(): void {
    this.#renewal?.cancel();
    this.#look?.cancel();
    this.#held.clear();
    for (const { resolve } of this.#waits.splice(0)) resolve();
  }

  #renew(): void {
    const held = [...this.#held];
    this.#renewal = this.#clock.schedule(RENEW_EVERY_MS, () => this.#renew());
    this.#store
      .write((writer) => {
        const wallMs = this.#clock.wallMs();
        for (const { ids, token } of held) for (const id of ids) renewLease(writer, id, token, wallMs);
      })
      .catch(this.#onError);
  }

  #wake(): void {
    const view = this.#store.view();
    const wallMs = this.#clock.wallMs();
    const [waiting, free] = [[] as Wait[], [] as Wait[]];
    for (const wait of this.#waits) (isLeased(view, wait.id, wallMs) ? waiting : free).push(wait);
    this.#waits = waiting;
    this.#look = waiting.length === 0 ? undefined : this.#clock.schedule(LOOK_EVERY_MS, () => this.#wake());
    for (const { resolve } of free) resolve();
  }
}
