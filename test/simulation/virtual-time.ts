import type { Clock, Timer } from '../../src/core/ports/clock.port.js';

/*
 * One virtual time for all processes and servers. Events run in the order of their due times, and after each event all
 * promise callbacks run before the next event. Nothing depends on real time, so a seed always gives the same run.
 */

/** A process or a server: the owner of events, which might be frozen or dead. */
export interface Owner {
  /** End of a freeze. Events that are due during the freeze run at its end, in their order. */
  frozenUntilMs: number;
  /** True when its events are dropped. */
  isDead: boolean;
  /** True when its events settle no promises. */
  readonly isSilent?: boolean;
}

interface Event {
  dueMs: number;
  order: number;
  readonly owner: Owner;
  run: (() => void) | undefined;
}

export class VirtualTime {
  nowMs = 1_000;
  /** Number of events so far. */
  events = 0;
  readonly #heap: Event[] = [];
  #orders = 0;

  at(dueMs: number, owner: Owner, run: () => void): Timer {
    const event: Event = { dueMs: Math.max(dueMs, this.nowMs), order: this.#orders++, owner, run };
    this.#push(event);
    return { cancel: () => (event.run = undefined) };
  }

  /** Runs all events that are due until `endMs`, or until `isOver`. */
  async runUntil(endMs: number, isOver: () => boolean = () => false): Promise<void> {
    await drained();
    while (this.#heap.length > 0 && (this.#heap[0] as Event).dueMs <= endMs && !isOver()) {
      const event = this.#pop();
      if (event.run === undefined || event.owner.isDead) continue;
      this.nowMs = Math.max(this.nowMs, event.dueMs);
      if (event.owner.frozenUntilMs > this.nowMs) {
        // Renumbered in the old order, so that all events that wait for the end of the freeze keep their order.
        event.dueMs = event.owner.frozenUntilMs;
        event.order = this.#orders++;
        this.#push(event);
        continue;
      }
      const { run } = event;
      event.run = undefined;
      this.events++;
      run();
      if (event.owner.isSilent !== true) await drained();
    }
    if (!isOver()) this.nowMs = Math.max(this.nowMs, endMs);
  }

  /** Number of pending timers of `owner`. */
  pendingOf(owner: Owner): number {
    return this.#heap.filter((event) => event.owner === owner && event.run !== undefined).length;
  }

  #push(event: Event): void {
    const heap = this.#heap;
    let i = heap.push(event) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!isBefore(event, heap[parent] as Event)) break;
      heap[i] = heap[parent] as Event;
      i = parent;
    }
    heap[i] = event;
  }

  #pop(): Event {
    const heap = this.#heap;
    const first = heap[0] as Event;
    const last = heap.pop() as Event;
    if (heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as Event, heap[child] as Event)) child++;
      if (!isBefore(heap[child] as Event, last)) break;
      heap[i] = heap[child] as Event;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

/** The clock of one process, with its own zero, a wrong wall clock, and timers that end with the process. */
export class ProcessClock implements Clock {
  /** Error of the wall clock, which can change suddenly. */
  skewMs = 0;

  constructor(
    private readonly time: VirtualTime,
    private readonly owner: Owner,
    private readonly zeroMs: number,
  ) {}

  nowMs(): number {
    return this.time.nowMs - this.zeroMs;
  }

  coarseNowMs(): number {
    return this.nowMs();
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.time.nowMs + this.skewMs);
  }

  schedule(delayMs: number, task: () => void): Timer {
    return this.time.at(this.time.nowMs + Math.max(0, delayMs), this.owner, task);
  }
}

/** Wall-clock time at the begin of virtual time. */
export const EPOCH_MS = Date.UTC(2030, 0, 1);

function isBefore(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order);
}

function drained(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
