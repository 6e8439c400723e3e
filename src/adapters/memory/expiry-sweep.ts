import type { Clock, Timer } from '../../core/ports/clock.port.js';
import type { MemoryStore } from './memory-store.js';

/** How often expired nodes are looked for. */
export const SWEEP_INTERVAL_MS = 500;
/** How soon a sweep goes on that has reached a bound of its work. */
const RESUME_MS = 10;
/** The most that one tick looks at (0.1 ms) and frees (a few ms). */
const SLOTS_PER_TICK = 100_000;
const FREED_PER_TICK = 2_000;

/**
 * Frees what is past its time, read or not: one timer for the whole store, which runs only while something in it can
 * expire or is condemned. A tick looks through up to 100,000 nodes; what it may not free within its bound the next ones
 * do, in quick succession.
 */
export class ExpirySweep {
  readonly #store: MemoryStore;
  readonly #clock: Clock;
  #timer: Timer | undefined;
  #hand = 0;
  #isStopped = false;

  constructor(store: MemoryStore, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** To be called when nodes were stored or condemned: makes sure that they will be found. */
  arm(delayMs = SWEEP_INTERVAL_MS): void {
    if (this.#timer !== undefined || this.#isStopped || !this.#store.needsSweep) return;
    this.#timer = this.#clock.schedule(delayMs, () => {
      this.#timer = undefined;
      this.arm(this.#step() ? SWEEP_INTERVAL_MS : RESUME_MS);
    });
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Frees everything that is condemned or past its time, and answers how much of it had expired. */
  freeAll(): number {
    const nowMs = this.#clock.nowMs();
    let freed = 0;
    while (this.#store.removeCondemned());
    for (let slot = this.#store.slots.length - 1; slot >= 0; slot--) freed += this.#freeIfExpired(slot, nowMs);
    return freed;
  }

  /** One tick's work from where the last one ended. True when it has come to the end of the table. */
  #step(): boolean {
    const nowMs = this.#clock.nowMs();
    let freed = 0;
    while (freed < FREED_PER_TICK && this.#store.removeCondemned()) freed++;
    const end = this.#hand + SLOTS_PER_TICK;
    while (this.#hand < this.#store.slots.length && this.#hand < end && freed < FREED_PER_TICK) {
      freed += this.#freeIfExpired(this.#hand++, nowMs);
    }
    if (this.#hand < this.#store.slots.length) return false;
    this.#hand = 0;
    return true;
  }

  #freeIfExpired(slot: number, nowMs: number): number {
    if (!this.#store.slots.isExpired(slot, nowMs)) return 0;
    const node = this.#store.slots.at(slot);
    if (node === undefined) return 0;
    this.#store.remove(node);
    return 1;
  }
}
