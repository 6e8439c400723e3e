import type { Awaitable, EntryDraft } from '../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../core/ports/clock.port.js';
import type { EntryCodec } from '../../core/values/codec.js';
import type { FileKeys } from './store/file-keys.js';
import type { MarkedEntry } from './store/marks.js';
import type { StoreSession } from './store/store-session.js';

/** A draft whose value is encoded. */
export interface EncodedDraft extends MarkedEntry {
  readonly ttlMs: number;
  readonly staleMs: number;
  readonly createdAtMs: number;
  /** `undefined` for a draft that removes its key: `ttlMs` 0. */
  readonly bytes: Buffer | undefined;
}

/** Encodes drafts, and writes them. */
export class EntryEncoder {
  readonly #codec: EntryCodec;
  readonly #keys: FileKeys;
  readonly #clock: Clock;

  constructor(codec: EntryCodec, keys: FileKeys, clock: Clock) {
    this.#codec = codec;
    this.#keys = keys;
    this.#clock = clock;
  }

  /**
   * Reads the values before it returns: the caller may change them afterwards.
   * @throws CacheSerializationError naming the path inside the value
   */
  encode(drafts: readonly EntryDraft[], namespace: string | undefined): Awaitable<EncodedDraft[]> {
    const encoded = drafts.map((draft) => this.#encode(draft, namespace));
    return encoded.some((draft) => draft instanceof Promise)
      ? Promise.all(encoded.map(async (draft) => draft))
      : (encoded as EncodedDraft[]);
  }

  #encode(draft: EntryDraft, namespace: string | undefined): Awaitable<EncodedDraft> {
    const { key, value, ttlMs, staleMs, loadMs, createdAtMs = this.#clock.wallMs() } = draft;
    const tags = [...draft.tags];
    const id = this.#keys.entry(key, namespace);
    const made = (bytes: Buffer | undefined): EncodedDraft => ({
      key,
      namespace,
      id,
      tags,
      createdAtMs,
      ttlMs,
      staleMs,
      bytes,
    });
    if (ttlMs === 0) return made(undefined);
    const bytes = this.#codec.encode({ key, namespace, tags, createdAtMs, ttlMs, staleMs, loadMs, value });
    return bytes instanceof Promise ? bytes.then(made) : made(bytes);
  }

  /** Stores a draft, or removes its key. @returns the record, if one is stored now */
  write(session: StoreSession, draft: EncodedDraft): Buffer | undefined {
    const { bytes, ttlMs, staleMs } = draft;
    if (bytes !== undefined) {
      const freshUntilWallMs = this.#clock.wallMs() + ttlMs;
      return session.put({ ...draft, bytes, freshUntilWallMs, staleUntilWallMs: freshUntilWallMs + staleMs });
    }
    const stored = session.find(draft.id);
    if (stored !== undefined) session.remove(draft.id, stored.record, stored.head);
    session.invalidate({ kind: 'keys', keys: [draft.key], namespace: draft.namespace });
    return undefined;
  }
}
