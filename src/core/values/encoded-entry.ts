import type { StoredEntry } from '../ports/cache-adapter.port.js';
import type { Clock } from '../ports/clock.port.js';
import type { EntryHeader, OpenEnvelope } from './codec.js';

/** The reads of one entry by this process. */
export interface ReadNote {
  hits: number;
  lastReadAtMs: number;
}

export interface EncodedEntryParts {
  readonly envelope: OpenEnvelope;
  readonly note: ReadNote;
  readonly clock: Clock;
  readonly sizeBytes: number;
  /** On the scale of `Clock.nowMs()`, as `staleUntilMs`. */
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
}

/** An entry that was read as bytes. Its value is decoded by each `read()`, so that no two callers share it. */
export class EncodedEntry implements StoredEntry {
  readonly freshUntilMs: number;
  readonly staleUntilMs: number;
  readonly #parts: EncodedEntryParts;
  #shared: { readonly value: unknown } | undefined;

  constructor(parts: EncodedEntryParts) {
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
    return (this.#shared ??= { value: this.read() }).value;
  }

  get #header(): EntryHeader {
    return this.#parts.envelope.header;
  }
}
