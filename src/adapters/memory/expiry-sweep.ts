import type { Clock, Timer } from '../../core/ports/clock.port.js';
import type { MemoryStore } from './memory-store.js';

/** Milliseconds between two sweeps. */
export const SWEEP_INTERVAL_MS = 500;
/** Milliseconds until a sweep continues after it has reached a limit per tick. */
const RESUME_MS = 10;
/** Slots checked per tick: 0.1 ms. */
const SLOTS_PER_TICK = 100_000;
/** Nodes freed per tick: a few ms. */
const FREED_PER_TICK = 2_000;

/**
 * Frees expired and hidden nodes. One timer for the whole store runs only while it has such nodes, or nodes that can
 * expire. A tick that reaches its limit leaves the rest to the next ticks, which follow quickly.
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

  /** Starts the timer. Call it after nodes were stored or hidden. */
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

  /** Frees all hidden and expired nodes. Returns the number of expired ones. */
  freeAll(): number {
    const nowMs = this.#clock.nowMs();
    let freed = 0;
    while (this.#store.removeCondemned());
    for (let slot = this.#store.slots.length - 1; slot >= 0; slot--) freed += this.#freeIfExpired(slot, nowMs);
    return freed;
  }

  /** Does the work of one tick, from the end of the last tick. True when it reached the end of the table. */
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
