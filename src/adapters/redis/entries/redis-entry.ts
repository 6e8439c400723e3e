import type { EntryHeader, OpenEnvelope } from '../../../core/values/codec.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import type { StoredEntry } from '../../../core/ports/cache-adapter.port.js';

/** What this process remembers of an entry between two reads. */
export interface EntryNote {
  readonly revision: string;
  /** What it carries: a read that knows can ask for their generations at once. */
  readonly tags: readonly string[];
  /** The header of this revision, once it was read. */
  readonly header: EntryHeader | undefined;
  /** It was invalid or expired when it was last read, so a load may take its place. */
  isReplaceable: boolean;
  hits: number;
  lastReadAtMs: number;
}

/** An entry that came from Redis. The value is decoded when somebody wants it, and anew for everybody. */
export class RedisEntry implements StoredEntry {
  readonly staleUntilMs: number;
  #shared: { readonly value: unknown } | undefined;

  /** @param freshUntilMs on the scale of the clock */
  constructor(
    private readonly envelope: OpenEnvelope,
    readonly freshUntilMs: number,
    staleUntilMs: number,
    private readonly about: { readonly note: EntryNote; readonly clock: Clock; readonly sizeBytes: number },
  ) {
    this.staleUntilMs = staleUntilMs;
  }

  get key(): string {
    return this.envelope.header.key;
  }

  get namespace(): string | undefined {
    return this.envelope.header.namespace;
  }

  get tags(): readonly string[] {
    return this.envelope.header.tags;
  }

  get createdAtMs(): number {
    return this.envelope.header.createdAtMs;
  }

  get ttlMs(): number {
    return this.envelope.header.ttlMs;
  }

  get staleMs(): number {
    return this.envelope.header.staleMs;
  }

  get loadMs(): number {
    return this.envelope.header.loadMs;
  }

  get sizeBytes(): number {
    return this.about.sizeBytes;
  }

  get hits(): number {
    return this.about.note.hits;
  }

  get lastReadAtMs(): number {
    return this.about.note.lastReadAtMs;
  }

  get revision(): string {
    return this.about.note.revision;
  }

  countHit(): void {
    this.about.note.hits++;
    this.about.note.lastReadAtMs = this.about.clock.wallMs();
  }

  read(): unknown {
    return this.envelope.value();
  }

  get shared(): unknown {
    return (this.#shared ??= { value: this.read() }).value;
  }
}
