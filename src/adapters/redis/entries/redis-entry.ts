import type { EntryHeader, OpenEnvelope } from '../../../core/values/codec.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import type { StoredEntry } from '../../../core/ports/cache-adapter.port.js';

/** Facts that this process remembers about an entry between two reads. */
export interface EntryNote {
  readonly revision: string;
  /** Its tags: the next read asks for their generations in the same round trip. */
  readonly tags: readonly string[];
  /** The header of this revision; `undefined` before it was read. */
  readonly header: EntryHeader | undefined;
  /** True when it was invalid or expired at the last read, so that a load may replace it. */
  isReplaceable: boolean;
  hits: number;
  lastReadAtMs: number;
}

/** An entry that came from Redis. Its value is decoded by each `read()`, so that no two callers share it. */
export class RedisEntry implements StoredEntry {
  readonly staleUntilMs: number;
  #shared: { readonly value: unknown } | undefined;

  readonly #envelope: OpenEnvelope;
  readonly #about: { readonly note: EntryNote; readonly clock: Clock; readonly sizeBytes: number };

  /** @param freshUntilMs on the scale of `Clock.nowMs()` */
  constructor(
    envelope: OpenEnvelope,
    readonly freshUntilMs: number,
    staleUntilMs: number,
    about: { readonly note: EntryNote; readonly clock: Clock; readonly sizeBytes: number },
  ) {
    this.#envelope = envelope;
    this.#about = about;
    this.staleUntilMs = staleUntilMs;
  }

  get key(): string {
    return this.#envelope.header.key;
  }

  get namespace(): string | undefined {
    return this.#envelope.header.namespace;
  }

  get tags(): readonly string[] {
    return this.#envelope.header.tags;
  }

  get createdAtMs(): number {
    return this.#envelope.header.createdAtMs;
  }

  get ttlMs(): number {
    return this.#envelope.header.ttlMs;
  }

  get staleMs(): number {
    return this.#envelope.header.staleMs;
  }

  get loadMs(): number {
    return this.#envelope.header.loadMs;
  }

  get sizeBytes(): number {
    return this.#about.sizeBytes;
  }

  get hits(): number {
    return this.#about.note.hits;
  }

  get lastReadAtMs(): number {
    return this.#about.note.lastReadAtMs;
  }

  get revision(): string {
    return this.#about.note.revision;
  }

  countHit(): void {
    this.#about.note.hits++;
    this.#about.note.lastReadAtMs = this.#about.clock.wallMs();
  }

  read(): unknown {
    return this.#envelope.value();
  }

  get shared(): unknown {
    return (this.#shared ??= { value: this.read() }).value;
  }
}
