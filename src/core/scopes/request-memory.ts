import type { Awaitable, EntryDraft, InvalidationTarget, StoredEntry } from '../ports/cache-adapter.port.js';
import type { LoadOutcome } from '../ports/cache-entry.js';
import type { Clock } from '../ports/clock.port.js';
import { hitBy } from '../ports/invalidation-target.js';
import { RememberedEntry, UnstoredEntry } from './remembered-entry.js';

/** What a request has found under a key, or is looking up. */
interface Place {
  found: Awaitable<StoredEntry | undefined>;
}

/** Keys that one request remembers. With more it starts anew: a long job must not keep all that it has read. */
const LIMIT = 10_000;

/**
 * The answers that one request has got: a read that is repeated gets the same answer again, also a miss, until the
 * request itself changes what it concerns.
 */
export class RequestMemory {
  /** By namespace, and then by key. */
  readonly #places = new Map<string | undefined, Map<string, Place>>();
  #size = 0;
  /** Grows with each change that the request makes: a load that began before it is not remembered. */
  #changes = 0;

  readonly #clock: Clock;
  readonly #copy: (value: unknown) => unknown;

  /** @param copy makes a copy of a value, so that its owner may change it */
  constructor(clock: Clock, copy: (value: unknown) => unknown) {
    this.#clock = clock;
    this.#copy = copy;
  }

  get changes(): number {
    return this.#changes;
  }

  /** Gives the remembered answer; without one it is that of `look`. A look-up that fails is not remembered. */
  read(
    key: string,
    namespace: string | undefined,
    look: () => Awaitable<StoredEntry | undefined>,
  ): Awaitable<StoredEntry | undefined> {
    const known = this.#places.get(namespace)?.get(key);
    if (known !== undefined) return known.found;
    const found = look();
    const place: Place = { found: found instanceof Promise ? found : this.#lasting(found) };
    this.#put(key, namespace, place);
    if (!(found instanceof Promise)) return place.found;
    return (place.found = found.then(
      (entry) => (place.found = this.#lasting(entry)),
      (error: unknown) => {
        const places = this.#places.get(namespace);
        if (places?.get(key) === place) this.#remove(key, places);
        throw error;
      },
    ));
  }

  async readMany(
    keys: readonly string[],
    namespace: string | undefined,
    look: (keys: readonly string[]) => Awaitable<(StoredEntry | undefined)[]>,
  ): Promise<(StoredEntry | undefined)[]> {
    const unknown = keys.filter((key) => this.#places.get(namespace)?.has(key) !== true);
    const looked = (async () => (unknown.length === 0 ? [] : look(unknown)))();
    const placeOf = new Map(unknown.map((key, i) => [key, i]));
    const found = keys.map(async (key) =>
      this.read(key, namespace, async () => (await looked)[placeOf.get(key) as number]),
    );
    return Promise.all(found);
  }

  /**
   * Remembers the value that a caller got.
   * @param since `changes` when its read began
   */
  remember(key: string, namespace: string | undefined, outcome: LoadOutcome | undefined, since: number): void {
    if (outcome === undefined || since !== this.#changes) return;
    const entry = outcome.entry ?? this.#unstored(outcome.draft, namespace);
    if (entry === undefined || entry instanceof RememberedEntry) return;
    this.#put(key, namespace, { found: new RememberedEntry(entry, this.#clock) });
  }

  /** Forgets what a change of the request concerns. A remembered miss might concern any tag. */
  forget(target: InvalidationTarget): void {
    if (target.kind === 'expired') return;
    this.#changes++;
    const isHit = hitBy(target);
    for (const [namespace, places] of this.#places) {
      for (const [key, { found }] of places) {
        const tags = found === undefined || found instanceof Promise ? undefined : found.tags;
        if (isHit({ key, namespace, tags })) this.#remove(key, places);
      }
    }
  }

  #put(key: string, namespace: string | undefined, place: Place): void {
    if (this.#size === LIMIT) {
      this.#places.clear();
      this.#size = 0;
    }
    const places = this.#places.get(namespace) ?? new Map<string, Place>();
    this.#places.set(namespace, places);
    if (!places.has(key)) this.#size++;
    places.set(key, place);
  }

  #remove(key: string, places: Map<string, Place>): void {
    if (places.delete(key)) this.#size--;
  }

  #lasting(entry: StoredEntry | undefined): StoredEntry | undefined {
    return entry !== undefined && this.#clock.nowMs() < entry.freshUntilMs
      ? new RememberedEntry(entry, this.#clock)
      : entry;
  }

  #unstored(draft: EntryDraft | undefined, namespace: string | undefined): StoredEntry | undefined {
    if (draft === undefined) return undefined;
    try {
      return new UnstoredEntry({ ...draft, value: this.#copy(draft.value) }, namespace, this.#clock, this.#copy);
    } catch {
      // It cannot be copied, which was the reason why it is not stored, and is reported.
      return undefined;
    }
  }
}
