import type { Finding } from '../../core/vocabulary/finding.js';
import { settledWithin } from '../../core/ports/grace.js';
import type { EntryCodec } from '../../core/values/codec.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import type {
  AdapterUsage,
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
import type { ConnectionNotices } from './connection/connection-notices.js';
import type { Prepared } from './entries/entry-writer.js';
import { randomId } from './protocol/generation.js';
import { IndexSweeper } from './upkeep/index-sweeper.js';
import { RedisLoads } from './loads/redis-loads.js';
import { RedisInvalidations } from './invalidation/redis-invalidations.js';
import { RedisKeys } from './protocol/redis-keys.js';
import { RedisProcessBoard } from './redis-process-board.js';
import { type Hides, RedisContext } from './entries/redis-context.js';
import type { RedisWire } from './connection/redis-wire.port.js';
import { StoreInspector } from './entries/store-inspector.js';

/*
 * Entries in Redis, shared by any number of processes. Two rules keep an old value from being read, however the
 * network fails:
 *
 *   lease        A load puts a token under the name of the entry, and its result is stored only if the token is still
 *                there. Every set, removal and soft invalidation of the entry removes the token. Only one process at a
 *                time has an exclusive lease.
 *   generation   The server has a random id for each tag, each namespace and for everything. An entry is marked with
 *                the ids that its groups had before its load began. An invalidation removes the id. An entry is valid
 *                only if its marks equal the ids that the server has after the read began.
 *
 * So no step has to be atomic across slots, and a loss of data on the server can make an entry unreadable but never
 * make an old one readable. The classes:
 *
 *   EntryReader          reads entries and their generations in one round trip, and compares them
 *   EntryWriter          writes entries and indexes in one round trip
 *   RedisLoads           LoadOpener takes leases, LeaseKeeper renews them, LoadCommitter stores results
 *   RedisInvalidations   Invalidator makes entries invalid, TrashSweeper frees their memory, Outbox retries
 *   IndexSweeper         removes expired entries from the indexes; LostMembers removes evicted ones
 *   RedisProcessBoard    shows the processes each other's statistics
 *   RedisLink            limits every wait, and rejects calls while Redis is away
 */

export interface RedisAdapterOptions {
  readonly keyPrefix: string;
  readonly version: string | undefined;
  readonly codec: EntryCodec;
  /** Time limit of one call, all its round trips included. */
  readonly commandTimeoutMs: number;
  /** Writes notices about the connection. */
  readonly notices?: ConnectionNotices;
}

/** Number of parts of everything. A cluster has several, so that reads are spread over its servers. */
const PARTS = { cluster: 16, single: 1 };
/** Retries of a set whose entry was invalidated while it was being stored. */
const STORE_TRIES = 3;
const NOTHING = Promise.resolve(undefined);

export class RedisAdapter implements CacheAdapter {
  readonly kind = 'redis';
  readonly processes: RedisProcessBoard;
  readonly #context: RedisContext;
  readonly #notices: ConnectionNotices | undefined;
  readonly #loads: RedisLoads;
  readonly #invalidations: RedisInvalidations;
  readonly #indexes: IndexSweeper;
  readonly #inspector: StoreInspector;
  /** Changes of the store that Redis has not answered yet. */
  readonly #pending = new Set<Promise<unknown>>();
  #hits = 0;
  #misses = 0;

  /** @param wire belongs to the adapter, which closes it */
  constructor(wire: RedisWire, options: RedisAdapterOptions, host: CacheAdapterContext) {
    const { keyPrefix, version, codec, commandTimeoutMs, notices } = options;
    const parts = wire.isCluster ? PARTS.cluster : PARTS.single;
    this.#notices = notices;
    this.#context = new RedisContext({
      wire,
      keys: new RedisKeys({ keyPrefix, name: host.name, version, parts }),
      codec,
      clock: host.clock,
      limitMs: commandTimeoutMs,
      hides: () => this.#invalidations.hides(),
      onError: (error) => host.onError(error),
      onUp: (isMoved) => this.#onUp(isMoved),
      ...(notices === undefined ? {} : { onAway: (why) => notices.away(why ?? wire.lastError()) }),
    });
    this.#invalidations = new RedisInvalidations(this.#context);
    this.#loads = new RedisLoads(this.#context, (keys, namespace) => this.#invalidations.replaced(keys, namespace));
    this.#indexes = new IndexSweeper(this.#context);
    this.#inspector = new StoreInspector(this.#context);
    this.processes = new RedisProcessBoard(this.#context);
    const { link } = this.#context;
    wire.listen({
      onUp: () => link.connectionUp(),
      onDown: () => link.connectionDown(),
      onStrayed: () => this.#invalidations.onStrayed(),
      onMoved: () => {
        this.#invalidations.onStrayed();
        link.moved();
      },
      onWake: (name) => (name === this.#context.keys.reports ? this.processes.called() : this.#loads.wake(name)),
    });
  }

  /** Resolves when the first probe of the connection is answered; at once when there is no connection. */
  async ready(): Promise<void> {
    const { wire, link } = this.#context;
    if (wire.isUp()) await link.firstUp;
  }

  get(key: string, namespace: string | undefined): Promise<StoredEntry | undefined> {
    const { isClosed, reader, limitMs } = this.#context;
    if (isClosed) return NOTHING;
    const hides = this.#invalidations.hides();
    return reader.read([key], namespace, limitMs, ([entry]) => this.#shown(entry, hides));
  }

  getMany(keys: readonly string[], namespace: string | undefined): Promise<(StoredEntry | undefined)[]> {
    const { isClosed, reader, limitMs } = this.#context;
    if (isClosed || keys.length === 0) return Promise.resolve(keys.map(() => undefined));
    const hides = this.#invalidations.hides();
    return reader.read(keys, namespace, limitMs, (entries) => entries.map((entry) => this.#shown(entry, hides)));
  }

  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    return this.#loads.begin(keys, namespace, request);
  }

  async set(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<void> {
    const { isClosed, writer } = this.#context;
    if (isClosed) return;
    const last = [...new Map(drafts.map((draft) => [draft.key, draft])).values()];
    const prepared = await writer.prepare(last, namespace);
    const keys = last.map(({ key }) => key);
    try {
      await this.#track(this.#store(prepared));
      this.#invalidations.replaced(keys, namespace);
    } catch (error) {
      // The old entries must not outlive a set that has returned.
      this.#invalidations.notReplaced(keys, namespace);
      throw error;
    }
  }

  async invalidate(
    target: InvalidationTarget,
    { soft = false, dryRun = false }: { soft?: boolean; dryRun?: boolean } = {},
  ): Promise<number> {
    if (target.kind === 'pattern') compileGlob(target.pattern);
    const { isClosed, link } = this.#context;
    if (isClosed) return 0;
    if (target.kind === 'expired') return link.isUp() ? this.#indexes.forgetExpired(dryRun) : 0;
    const work = this.#invalidations.run(target, { soft, dryRun });
    return dryRun ? work : this.#track(work);
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    return this.#context.isClosed ? { entries: [] } : this.#inspector.scan(query);
  }

  async usage(): Promise<AdapterUsage> {
    const { entries, oldestMs, newestMs, areManyExpired } = await this.#inspector.usage();
    if (areManyExpired) void this.#indexes.sweep();
    const { link } = this.#context;
    const status = this.#invalidations.pending > 0 && link.isUp() ? 'degraded' : link.status;
    const tier = { name: 'redis', entries, hits: this.#hits, misses: this.#misses, bytes: null } as const;
    return { entries, bytes: null, evictions: 0, oldestMs, newestMs, status, tiers: [tier] };
  }

  /** `undefined` where Redis is away, or does not answer in time. */
  async diagnose(): Promise<readonly Finding[] | undefined> {
    const { wire, link, limitMs } = this.#context;
    if (!link.isUp()) return undefined;
    return link.within(limitMs, async () => wire.diagnose?.()).catch(() => undefined);
  }

  /** The Redis key of an entry. */
  storedKey(key: string, namespace: string | undefined): string {
    return this.#context.keys.entry(key, namespace);
  }

  async close(): Promise<void> {
    const context = this.#context;
    if (context.isClosed) return;
    context.isClosed = true;
    this.#notices?.close();
    await settledWithin(context.clock, context.limitMs, this.#drain());
    this.#invalidations.close();
    this.#loads.close();
    this.#indexes.close();
    context.link.close();
    await context.wire.close();
  }

  /** Resolves when Redis has stored, invalidated and freed all that it was sent. */
  async #drain(): Promise<void> {
    await Promise.allSettled(this.#pending);
    await this.#invalidations.drain();
  }

  #track<T>(work: Promise<T>): Promise<T> {
    this.#pending.add(work);
    return work.finally(() => this.#pending.delete(work));
  }

  #onUp(isMoved: boolean): void {
    this.#notices?.up();
    this.#invalidations.onUp(isMoved);
    this.#indexes.start();
  }

  /** @param hides the filter from when the read began */
  #shown(entry: StoredEntry | undefined, hides: Hides): StoredEntry | undefined {
    const isShown = entry !== undefined && !hides(entry.key, entry.namespace, entry.tags);
    if (isShown && this.#context.clock.coarseNowMs() < entry.freshUntilMs) this.#hits++;
    else this.#misses++;
    return isShown ? entry : undefined;
  }

  async #store(prepared: readonly Prepared[]): Promise<void> {
    const { writer, link, limitMs } = this.#context;
    const marks = writer.guess(prepared);
    let left = prepared;
    for (let tries = 0; left.length > 0; tries++) {
      const ends = await writer.store(left, marks, limitMs);
      const failed = ends.find((end) => 'reason' in end);
      if (failed !== undefined) throw failed.reason;
      if (ends.some(({ state }) => state === 'late')) link.resync();
      left = left.filter((_, i) => ends[i]?.state !== 'stored').map((each) => ({ ...each, revision: randomId() }));
      if (left.length > 0 && tries === STORE_TRIES)
        throw new Error(`Could not store the entry: it was invalidated during each of ${STORE_TRIES + 1} attempts.`);
    }
  }
}
