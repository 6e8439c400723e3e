import type { StoredEntry } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { EntryHeader, OpenEnvelope } from '../../core/values/codec.js';

/** Notes of this process about an entry that it has read. */
export interface EntryNote {
  readonly revision: number;
  hits: number;
  lastReadAtMs: number;
}

export interface FileEntryParts {
  readonly envelope: OpenEnvelope;
  readonly note: EntryNote;
  readonly clock: Clock;
  readonly sizeBytes: number;
  /** On the scale of the clock. */
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
}

/** An entry read from the store. The value is decoded for each caller. */
export class FileEntry implements StoredEntry {
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
  readonly #parts: FileEntryParts;
  #shared: { readonly value: unknown } | undefined;

  constructor(parts: FileEntryParts) {
    this.#parts = parts;
    this.freshUntilMs = parts.freshUntilMs;
    this.staleUntilMs = parts.staleUntilMs;
  }

  get key(): string {
    return this.#header.key;
  }

  get namespace(): string | undefined {
    return this.#header.namespace;
  }

  get tags(): readonly string[] {
    return this.#header.tags;
  }

  get createdAtMs(): number {
    return this.#header.createdAtMs;
  }

  get ttlMs(): number {
    return this.#header.ttlMs;
  }

  get staleMs(): number {
    return this.#header.staleMs;
  }

  get loadMs(): number {
    return this.#header.loadMs;
  }

  get sizeBytes(): number {
    return this.#parts.sizeBytes;
  }

  get hits(): number {
    return this.#parts.note.hits;
  }

  get lastReadAtMs(): number {
    return this.#parts.note.lastReadAtMs;
  }

  countHit(): void {
    const { note, clock } = this.#parts;
    note.hits++;
    note.lastReadAtMs = clock.wallMs();
  }

  read(): unknown {
    return this.#parts.envelope.value();
  }

  get shared(): unknown {
    this.#shared ??= { value: this.read() };
    return this.#shared.value;
  }

  get #header(): EntryHeader {
    return this.#parts.envelope.header;
  }
}
