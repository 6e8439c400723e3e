import type { Awaitable, StoredEntry } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { EntryCodec, EntryHeader, EnvelopeId, OpenEnvelope } from '../../core/values/codec.js';
import { EncodedEntry, type ReadNote } from '../../core/values/encoded-entry.js';
import { BoundedMap } from '../../core/vocabulary/bounded-map.js';
import { entryIn, readHead } from './store/entry-record.js';

/** Maximum of entries that this process remembers as read: it counts their hits, and evicts them last. */
const NOTES = 20_000;

/** Notes of this process about an entry that it has read. */
interface EntryNote extends ReadNote {
  readonly revision: number;
}

/** Turns records into entries. */
export class EntryReader {
  readonly #codec: EntryCodec;
  readonly #clock: Clock;
  readonly #notes = new BoundedMap<string, EntryNote>(NOTES);

  constructor(codec: EntryCodec, clock: Clock) {
    this.#codec = codec;
    this.#clock = clock;
  }

  /** Returns the entry of a record, for a caller that uses it; `undefined` if it is expired, damaged or another one. */
  read(id: Buffer, record: Buffer | undefined, wanted: EnvelopeId): Awaitable<EncodedEntry | undefined> {
    return record && this.#open(record, wanted, (revision) => this.#note(id, revision));
  }

  /** Returns the entry of a record under any key, and does not count as a use. */
  peek(id: Buffer, record: Buffer): Awaitable<EncodedEntry | undefined> {
    return this.#open(record, undefined, (revision) => {
      const note = this.#notes.peek(nameOf(id));
      return note?.revision === revision ? note : newNote(revision);
    });
  }

  /** Returns an entry that was evicted. Its value is decoded on demand. */
  evicted(header: EntryHeader, bytes: Buffer): StoredEntry {
    const codec = this.#codec;
    const envelope: OpenEnvelope = {
      header,
      value: () => {
        const opened = codec.open(bytes);
        return opened instanceof Promise ? undefined : opened?.value();
      },
    };
    const nowMs = this.#clock.nowMs();
    return new EncodedEntry({
      envelope,
      note: newNote(0),
      clock: this.#clock,
      sizeBytes: bytes.length,
      freshUntilMs: nowMs,
      staleUntilMs: nowMs,
    });
  }

  isRecent(id: Buffer): boolean {
    return this.#notes.peek(nameOf(id)) !== undefined;
  }

  #open(
    record: Buffer,
    wanted: EnvelopeId | undefined,
    noteOf: (revision: number) => EntryNote,
  ): Awaitable<EncodedEntry | undefined> {
    const head = readHead(record);
    const wallMs = this.#clock.wallMs();
    if (head === undefined || head.staleUntilWallMs <= wallMs) return undefined;
    // The remaining time is the same on both scales.
    const offsetMs = this.#clock.nowMs() - wallMs;
    const bytes = entryIn(record);
    const note = noteOf(head.revision);
    const opened = this.#codec.open(bytes, wanted);
    const made = (envelope: Awaited<typeof opened>): EncodedEntry | undefined =>
      envelope &&
      new EncodedEntry({
        envelope,
        note,
        clock: this.#clock,
        sizeBytes: bytes.length,
        freshUntilMs: head.freshUntilWallMs + offsetMs,
        staleUntilMs: head.staleUntilWallMs + offsetMs,
      });
    return opened instanceof Promise ? opened.then(made) : made(opened);
  }

  #note(id: Buffer, revision: number): EntryNote {
    const name = nameOf(id);
    const note = this.#notes.get(name);
    return note?.revision === revision ? note : this.#notes.put(name, newNote(revision));
  }
}

const nameOf = (id: Buffer): string => id.toString('latin1');
const newNote = (revision: number): EntryNote => ({ revision, hits: 0, lastReadAtMs: 0 });
