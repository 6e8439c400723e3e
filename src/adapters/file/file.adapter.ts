import { setImmediate as nextTurn } from 'node:timers/promises';
import type {
  AdapterUsage,
  Awaitable,
  CacheAdapter,
  CacheAdapterContext,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  ScanPage,
  ScanQuery,
  StoredEntry,
} from '../../core/ports/cache-adapter.port.js';
import { passThroughAdapter } from '../../core/pass-through-adapter.js';
import { settledWithin } from '../../core/ports/grace.js';
import type { EntryCodec } from '../../core/values/codec.js';
import { readEntryHeader } from '../../core/values/codec.js';
import { CacheConfigError, CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import { EntryEncoder } from './entry-encoder.js';
import { EntryReader } from './entry-reader.js';
import { Invalidator } from './invalidator.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LoadOpener } from './load-opener.js';
import { entryIn, expiryBound, idIn, readFigures } from './store/entry-record.js';
import { endOf, FileKeys } from './store/file-keys.js';
import type { OrderedStore } from './store/ordered-store.port.js';
import { type SessionSettings, StoreSession, type Write } from './store/store-session.js';
import { Sweeper } from './sweeper.js';

export interface FileAdapterSettings {
  readonly codec: EntryCodec;
  readonly maxBytes: number;
}

/**
 * Longest wait of a call for its transaction, and of `close()`. Usually it takes a millisecond; it takes longer when
 * another process was stopped while it held the lock, or when the disk hangs.
 */
const WRITE_LIMIT_MS = 1_000;
/** Rows of `expiry` that are read in one turn of the event loop. */
const ROWS = 1_000;
/** Entries, with their values, that are read in one turn of the event loop. */
const SCAN_ROWS = 100;
const NOTHING = Buffer.of(0);

/*
 * The file backend: an ordered store that the processes of one machine share.
 *
 * Every write has a revision, counted over all processes in the store itself. A load remembers the revision at which it
 * began; its result is refused when the entry under its key has a higher one, or when a mark says that the key, a tag
 * or the namespace was invalidated since (store/marks.ts). Both are compared in the transaction that stores the result,
 * so no invalidation can happen in between. Reads see each commit of each process at once, and need no transaction.
 *
 * One process at a time loads a key: it has the lease (store/leases.ts). Waiters look at the lease until it is free.
 */
export class FileAdapter implements CacheAdapter {
  readonly kind = 'file';
  readonly #store: OrderedStore;
  readonly #context: CacheAdapterContext;
  readonly #keys: FileKeys;
  readonly #reader: EntryReader;
  readonly #encoder: EntryEncoder;
  readonly #leases: LeaseKeeper;
  readonly #loads: LoadOpener;
  readonly #invalidator: Invalidator;
  readonly #sweeper: Sweeper;
  readonly #session: SessionSettings;
  readonly #maxBytes: number;
  #evictions = 0;
  #hits = 0;
  #misses = 0;
  #closing: Promise<void> | undefined;

  constructor(store: OrderedStore, { codec, maxBytes }: FileAdapterSettings, context: CacheAdapterContext) {
    const { clock, version } = context;
    // A failure after close() is no fault.
    const onError = (error: unknown): void => {
      if (!this.#isClosed) context.onError(error);
    };
    const view = () => store.view();
    const write: Write = (work) => this.#writeInTime(work);
    this.#store = store;
    this.#maxBytes = maxBytes;
    this.#context = context;
    this.#keys = new FileKeys(version);
    this.#reader = new EntryReader(codec, clock);
    this.#encoder = new EntryEncoder(codec, this.#keys, clock);
    this.#leases = new LeaseKeeper(store, clock, onError);
    this.#session = {
      keys: this.#keys,
      maxBytes,
      wallMs: () => clock.wallMs(),
      isRecent: (id) => this.#reader.isRecent(id),
      onEvict: (entry) => this.#evicted(entry),
    };
    this.#invalidator = new Invalidator({ keys: this.#keys, wallMs: () => clock.wallMs(), write });
    this.#loads = new LoadOpener({
      keys: this.#keys,
      clock,
      view,
      write,
      reader: this.#reader,
      encoder: this.#encoder,
      leases: this.#leases,
      isClosed: () => this.#isClosed,
    });
    this.#sweeper = new Sweeper({ clock, view, write: (work) => this.#write(work), onError });
  }

  get(key: string, namespace: string | undefined): Awaitable<StoredEntry | undefined> {
    if (this.#isClosed) return undefined;
    const id = this.#keys.entry(key, namespace);
    const entry = this.#reader.read(id, this.#store.view().get('entries', id), { key, namespace });
    return entry instanceof Promise ? entry.then((opened) => this.#counted(opened)) : this.#counted(entry);
  }

  getMany(keys: readonly string[], namespace: string | undefined): Awaitable<(StoredEntry | undefined)[]> {
    const entries = keys.map((key) => this.get(key, namespace));
    return entries.some((entry) => entry instanceof Promise)
      ? Promise.all(entries.map(async (entry) => entry))
      : (entries as (StoredEntry | undefined)[]);
  }

  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Awaitable<LoadGrant> {
    return this.#isClosed
      ? passThroughAdapter.begin(keys, namespace, request)
      : this.#loads.open(keys, namespace, request);
  }

  async set(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<void> {
    const encoded = await this.#encoder.encode(drafts, namespace);
    if (this.#isClosed) return;
    await this.#writeInTime((session) => {
      for (const draft of encoded) this.#encoder.write(session, draft);
    });
  }

  async invalidate(target: InvalidationTarget, { soft = false, dryRun = false } = {}): Promise<number> {
    return this.#isClosed ? 0 : this.#invalidator.invalidate(target, { soft, dryRun });
  }

  async scan({ namespace, pattern = '*', cursor, limit }: ScanQuery): Promise<ScanPage> {
    const prefix = namespace === undefined ? this.#keys.all : this.#keys.namespace(namespace);
    const matches = compileGlob(pattern);
    const entries: StoredEntry[] = [];
    let start = cursor === undefined ? prefix : startOf(cursor, prefix);
    while (!this.#isClosed) {
      const rows = this.#store.view().range('entries', { start, end: endOf(prefix), limit: SCAN_ROWS });
      for (const { key: id, value: record } of rows) {
        const entry = matches(keyIn(record)) ? await this.#reader.peek(id, record) : undefined;
        if (entry !== undefined && entries.length === limit) return { entries, cursor: id.toString('base64url') };
        if (entry !== undefined) entries.push(entry);
        start = Buffer.concat([id, NOTHING]);
      }
      if (rows.length < SCAN_ROWS) break;
      await nextTurn();
    }
    return { entries };
  }

  async usage(): Promise<AdapterUsage> {
    const { entries, bytes, oldestMs, newestMs } = await this.#count();
    const tier = {
      name: 'file',
      entries,
      hits: this.#hits,
      misses: this.#misses,
      bytes,
      maxBytes: this.#maxBytes,
    } as const;
    return {
      entries,
      bytes,
      evictions: this.#evictions,
      oldestMs: entries === 0 ? null : oldestMs,
      newestMs: entries === 0 ? null : newestMs,
      status: this.#isClosed ? 'down' : 'up',
      tiers: [tier],
    };
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  get #isClosed(): boolean {
    return this.#closing !== undefined;
  }

  async #close(): Promise<void> {
    this.#leases.close();
    const closed = this.#sweeper.close().then(() => this.#store.close());
    if (await settledWithin(this.#context.clock, WRITE_LIMIT_MS, closed)) await closed;
  }

  #counted(entry: StoredEntry | undefined): StoredEntry | undefined {
    if (entry === undefined) this.#misses++;
    else this.#hits++;
    return entry;
  }

  /** Counts the entries that are not expired, and their bytes. */
  async #count() {
    let [entries, bytes, oldestMs, newestMs] = [0, 0, Infinity, -Infinity];
    let start = expiryBound(this.#context.clock.wallMs());
    for (;;) {
      const rows = this.#isClosed ? [] : this.#store.view().range('expiry', { start, limit: ROWS });
      for (const { key, value } of rows) {
        start = Buffer.concat([key, NOTHING]);
        if (!startsWith(idIn(key), this.#keys.all)) continue;
        const { createdAtMs, sizeBytes } = readFigures(value);
        entries++;
        bytes += sizeBytes;
        oldestMs = Math.min(oldestMs, createdAtMs);
        newestMs = Math.max(newestMs, createdAtMs);
      }
      if (rows.length < ROWS) return { entries, bytes, oldestMs, newestMs };
      await nextTurn();
    }
  }

  #write<T>(work: (session: StoreSession) => T): Promise<T> {
    return this.#store.write((writer) => work(StoreSession.of(writer, this.#session)));
  }

  /** Writes for a caller, who waits only until the limit. */
  async #writeInTime<T>(work: (session: StoreSession) => T): Promise<T> {
    const done = this.#write(work);
    if (await settledWithin(this.#context.clock, WRITE_LIMIT_MS, done)) return done;
    throw new CacheUnavailableError(
      `The file store did not commit within ${WRITE_LIMIT_MS} ms: another process holds its lock, or the disk hangs. ` +
        'The write may still be done later.',
    );
  }

  #evicted(bytes: Buffer): void {
    this.#evictions++;
    const header = readEntryHeader(bytes);
    if (header !== undefined) this.#context.onEvict(this.#reader.evicted(header, bytes));
  }
}

/** Returns the key of a record; an empty text if it is damaged, and the entry is not shown. */
function keyIn(record: Buffer): string {
  return readEntryHeader(entryIn(record))?.key ?? '';
}

function startsWith(bytes: Buffer, prefix: Buffer): boolean {
  return bytes.compare(prefix, 0, prefix.length, 0, prefix.length) === 0;
}

/** @throws CacheConfigError where `cursor` is none that a scan of the same entries has given */
function startOf(cursor: string, prefix: Buffer): Buffer {
  const id = Buffer.from(cursor, 'base64url');
  if (id.toString('base64url') === cursor && id.length > prefix.length && startsWith(id, prefix)) return id;
  throw new CacheConfigError(
    'Expected `cursor` to be one that `list` has given with the same options. Leave it out for the first page.',
  );
}
