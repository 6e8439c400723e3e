import type { EntryDraft, StoredEntry } from '../ports/cache-adapter.port.js';
import type { Clock } from '../ports/clock.port.js';

/** An entry that a request has seen fresh: it stays fresh for that request. */
export class RememberedEntry implements StoredEntry {
  readonly #entry: StoredEntry;
  readonly #clock: Clock;

  constructor(entry: StoredEntry, clock: Clock) {
    this.#entry = entry;
    this.#clock = clock;
  }

  get key(): string {
    return this.#entry.key;
  }

  get namespace(): string | undefined {
    return this.#entry.namespace;
  }

  get tags(): readonly string[] {
    return this.#entry.tags;
  }

  get createdAtMs(): number {
    return this.#entry.createdAtMs;
  }

  get ttlMs(): number {
    return this.#entry.ttlMs;
  }

  get freshUntilMs(): number {
    return Math.max(this.#entry.freshUntilMs, this.#clock.nowMs() + 1);
  }

  get staleMs(): number {
    return this.#entry.staleMs;
  }

  get staleUntilMs(): number {
    return Math.max(this.#entry.staleUntilMs, this.freshUntilMs);
  }

  get loadMs(): number {
    return this.#entry.loadMs;
  }

  get sizeBytes(): number {
    return this.#entry.sizeBytes;
  }

  get hits(): number {
    return this.#entry.hits;
  }

  get lastReadAtMs(): number {
    return this.#entry.lastReadAtMs;
  }

  get shared(): unknown {
    return this.#entry.shared;
  }

  countHit(): void {
    this.#entry.countHit();
  }

  read(): unknown {
    return this.#entry.read();
  }
}

/** An entry in no store: the result of a load that an invalidation, or a fault, kept out of it. */
export class UnstoredEntry implements StoredEntry {
  readonly key: string;
  readonly tags: readonly string[];
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly loadMs: number;
  readonly createdAtMs: number;
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
  readonly sizeBytes = 0;
  readonly shared: unknown;
  hits = 0;
  lastReadAtMs = 0;
  readonly #clock: Clock;
  readonly #copy: (value: unknown) => unknown;

  /** @param copy makes a copy of a value for its caller; it has copied the value of the draft before */
  constructor(
    draft: EntryDraft,
    readonly namespace: string | undefined,
    clock: Clock,
    copy: (value: unknown) => unknown,
  ) {
    this.key = draft.key;
    this.tags = draft.tags;
    this.ttlMs = draft.ttlMs;
    this.staleMs = draft.staleMs;
    this.loadMs = draft.loadMs;
    this.createdAtMs = clock.wallMs();
    this.freshUntilMs = clock.nowMs() + draft.ttlMs;
    this.staleUntilMs = this.freshUntilMs + draft.staleMs;
    this.shared = draft.value;
    this.#clock = clock;
    this.#copy = copy;
  }

  countHit(): void {
    this.hits++;
    this.lastReadAtMs = this.#clock.wallMs();
  }

  read(): unknown {
    return this.#copy(this.shared);
  }
}
