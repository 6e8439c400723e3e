import { RunsPastStore } from './runs-past-store.js';

/** How long a key whose answers cannot be shared is not queued for (as Varnish's hit-for-miss objects, 120 s). */
const UNSHARED_MS = 120_000;
const MAX_KEYS = 1_000;
/** How many variants of one URL this process stores; the oldest goes first. */
const MAX_VARIANTS = 50;

/**
 * What this process has learnt about keys while it served them: which are being computed, for which waiting is in vain,
 * whose answers are not stored, what they vary by.
 */
export class RouteHistory {
  readonly pastStore = new RunsPastStore();
  readonly #unsharedUntilMs = new Map<string, number>();
  /** Until when the answers of a kind are taken for stored, or not stored, against what is usual. */
  readonly #exceptions = new Map<string, number>();
  readonly #variants = new Map<string, Variants>();

  isUnshared(key: string, nowMs: number): boolean {
    if (this.#unsharedUntilMs.size === 0) return false;
    return nowMs < (this.#unsharedUntilMs.get(key) ?? -Infinity);
  }

  /** Remembers whether the last answer for `key` could be shared. */
  recordShared(key: string, isShared: boolean, nowMs: number): void {
    this.#unsharedUntilMs.delete(key);
    if (isShared) return;
    this.#unsharedUntilMs.set(key, nowMs + UNSHARED_MS);
    dropOldest(this.#unsharedUntilMs, MAX_KEYS);
  }

  /** Whether answers of a kind are stored, as far as it was learnt lately. */
  isStored(kind: string, byDefault: boolean, nowMs: number): boolean {
    if (this.#exceptions.size === 0) return byDefault;
    return nowMs < (this.#exceptions.get(kind) ?? -Infinity) ? !byDefault : byDefault;
  }

  recordStored(kind: string, isStored: boolean, byDefault: boolean, nowMs: number): void {
    this.#exceptions.delete(kind);
    if (isStored === byDefault) return;
    this.#exceptions.set(kind, nowMs + UNSHARED_MS);
    dropOldest(this.#exceptions, MAX_KEYS);
  }

  /**
   * All names that responses under `key` have varied by: responses that name different headers then find the same
   * variants.
   */
  varyNames(key: string, names: readonly string[]): readonly string[] {
    const { names: known } = this.#variantsOf(key);
    for (const name of names) known.add(name);
    return [...known];
  }

  /** Remembers a stored variant of `key`. @returns the variants that are too many now */
  addVariant(key: string, variant: string): readonly string[] {
    const { keys } = this.#variantsOf(key);
    keys.delete(variant);
    keys.add(variant);
    const surplus = [...keys].slice(0, Math.max(0, keys.size - MAX_VARIANTS));
    for (const old of surplus) keys.delete(old);
    return surplus;
  }

  #variantsOf(key: string): Variants {
    const known = this.#variants.get(key) ?? { names: new Set(), keys: new Set() };
    this.#variants.delete(key);
    this.#variants.set(key, known);
    dropOldest(this.#variants, MAX_KEYS);
    return known;
  }
}

interface Variants {
  readonly names: Set<string>;
  readonly keys: Set<string>;
}

/** A Map gives its keys in the order in which they were set. */
function dropOldest(map: Map<string, unknown>, maxKeys: number): void {
  const oldest = map.keys().next();
  if (map.size > maxKeys && oldest.done !== true) map.delete(oldest.value);
}
