import type { Caller } from './caller.js';

/*
 * What each decorated method and each route gets from the cache: its hits, its loads, and the time that hits have
 * saved. Memory is bounded by the methods and routes that the code has, and by a limit.
 */

/** Methods, and routes, that are counted; later ones count in the totals only. */
const MOST_USERS = 1_000;
const DAY_MS = 86_400_000;

/** Counts of one decorated method or one route, since the cache was made. */
export interface UsageCounts {
  /** Reads that were served from the cache, fresh or stale. */
  hits: number;
  staleHits: number;
  misses: number;
  /** 0..1; 0 before the first read. */
  hitRate: number;
  /** Calls of the method, or runs of the handler, for the cache. */
  loads: number;
  loadFailures: number;
  /** The time that loads would have taken in place of hits. */
  savedMs: number;
  /** The same since midnight UTC. */
  savedTodayMs: number;
}

/** Saved time, in all and since midnight UTC. A read right after midnight may count for the day before. */
export class Savings {
  savedMs = 0;
  #beforeTodayMs = 0;
  #day = -1;

  /** Begins a new day where there is one. @param wallMs the time by the wall clock */
  turn(wallMs: number): void {
    const day = Math.floor(wallMs / DAY_MS);
    if (day === this.#day) return;
    this.#beforeTodayMs = this.#day === -1 ? 0 : this.savedMs;
    this.#day = day;
  }

  todayMs(): number {
    return Math.round(this.savedMs - this.#beforeTodayMs);
  }
}

/** The counts of one user of the cache. */
export class Usage {
  hits = 0;
  staleHits = 0;
  misses = 0;
  /** Requests that went past the cache. */
  bypasses = 0;
  loads = 0;
  loadFailures = 0;
  readonly savings = new Savings();

  counts(): UsageCounts {
    const { hits, staleHits, misses, loads, loadFailures, savings } = this;
    return {
      hits,
      staleHits,
      misses,
      hitRate: hitRateOf(this),
      loads,
      loadFailures,
      savedMs: Math.round(savings.savedMs),
      savedTodayMs: savings.todayMs(),
    };
  }
}

/** The users of one cache. */
export class UsageLedger {
  readonly #methods = new Map<string, Usage>();
  readonly #routes = new Map<string, Usage>();
  readonly #others = new Usage();
  /** The caller that was counted last: calls of one method come in a row. */
  #lastCaller: Caller | undefined;
  #last: Usage = this.#others;

  of(caller: Caller): Usage {
    if (caller === this.#lastCaller) return this.#last;
    this.#last = this.#find(caller);
    this.#lastCaller = caller;
    return this.#last;
  }

  turn(wallMs: number): void {
    for (const users of [this.#methods, this.#routes]) for (const { savings } of users.values()) savings.turn(wallMs);
  }

  /** Those that were used, by saved time, in falling order. */
  methods(): [string, Usage][] {
    return bySavedTime(this.#methods);
  }

  routes(): [string, Usage][] {
    return bySavedTime(this.#routes);
  }

  #find({ place, kind }: Caller): Usage {
    const users = kind === 'route' ? this.#routes : this.#methods;
    const known = users.get(place);
    if (known !== undefined) return known;
    if (users.size >= MOST_USERS) return this.#others;
    const usage = new Usage();
    users.set(place, usage);
    return usage;
  }
}

export function hitRateOf({ hits, misses }: { readonly hits: number; readonly misses: number }): number {
  return hits + misses === 0 ? 0 : hits / (hits + misses);
}

function bySavedTime(users: ReadonlyMap<string, Usage>): [string, Usage][] {
  return [...users].sort(([, a], [, b]) => b.savings.savedMs - a.savings.savedMs);
}
