import { BoundedMap } from '../../../core/vocabulary/bounded-map.js';
import { RunsPastStore } from './runs-past-store.js';

/** Time for which an observation counts, in milliseconds (as Varnish's hit-for-miss objects). */
const REMEMBERED_MS = 120_000;
/** Keys in each table; the half that was used last is never forgotten. */
const MAX_KEYS = 2_000;
/** Variants of one URL that this process stores; the oldest is removed first. */
const MAX_VARIANTS = 50;

/** Observations of this process about keys: which responses were shared or stored, and the headers they vary by. */
export class RouteHistory {
  readonly pastStore = new RunsPastStore();
  readonly #unsharedUntilMs = new BoundedMap<string, number>(MAX_KEYS);
  /** End of the time for which the default of `isStored` is wrong, by kind. */
  readonly #exceptionsUntilMs = new BoundedMap<string, number>(MAX_KEYS);
  readonly #variants = new BoundedMap<string, Variants>(MAX_KEYS);

  /** True when the last response for `key` could not be shared: waiting for the next one would be for nothing. */
  isUnshared(key: string, nowMs: number): boolean {
    return nowMs < (this.#unsharedUntilMs.get(key) ?? -Infinity);
  }

  recordShared(key: string, isShared: boolean, nowMs: number): void {
    if (isShared) this.#unsharedUntilMs.delete(key);
    else this.#unsharedUntilMs.put(key, nowMs + REMEMBERED_MS);
  }

  /** True when responses of this kind are stored, by the last one or else by default. */
  isStored(kind: string, byDefault: boolean, nowMs: number): boolean {
    return nowMs < (this.#exceptionsUntilMs.get(kind) ?? -Infinity) ? !byDefault : byDefault;
  }

  recordStored(kind: string, isStored: boolean, byDefault: boolean, nowMs: number): void {
    if (isStored === byDefault) this.#exceptionsUntilMs.delete(kind);
    else this.#exceptionsUntilMs.put(kind, nowMs + REMEMBERED_MS);
  }

  /**
   * Adds to the names of headers that responses under `key` have varied by, and returns all of them. Responses that
   * name different headers then find the same variants.
   */
  varyNames(key: string, names: readonly string[]): readonly string[] {
    const { names: known } = this.#variantsOf(key);
    for (const name of names) known.add(name);
    return [...known];
  }

  /** Records a stored variant of `key`. @returns the keys of variants over the limit, to be removed */
  addVariant(key: string, variant: string): readonly string[] {
    const { keys } = this.#variantsOf(key);
    keys.delete(variant);
    keys.add(variant);
    const surplus = [...keys].slice(0, Math.max(0, keys.size - MAX_VARIANTS));
    for (const old of surplus) keys.delete(old);
    return surplus;
  }

  #variantsOf(key: string): Variants {
    return this.#variants.get(key) ?? this.#variants.put(key, { names: new Set(), keys: new Set() });
  }
}

interface Variants {
  readonly names: Set<string>;
  readonly keys: Set<string>;
}
