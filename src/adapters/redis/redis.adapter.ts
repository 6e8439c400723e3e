import { CacheUnavailableError } from '../../core/vocabulary/cache.errors.js';
import type { EntryCodec } from '../../core/values/codec.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import { idleMs } from '../../core/ports/clock.port.js';
import { settledWithin } from '../../core/ports/grace.js';
import type {
  AdapterUsage,
  CacheAdapter,
  CacheAdapterContext,
  EntryDraft,
  InvalidationTarget,
  LoadGrant,
  LoadRequest,
  LoadTicket,
  ScanPage,
  ScanQuery,
  StoredEntry,
} from '../../core/ports/cache-adapter.port.js';
import type { ConnectionWords } from './connection/connection-words.js';
import { EntryReader } from './entries/entry-reader.js';
import { EntryScan } from './entries/entry-scan.js';
import { EntryWalk } from './entries/entry-walk.js';
import { EntryWriter, type Prepared } from './entries/entry-writer.js';
import { randomId } from './protocol/generation.js';
import { GroupEnding } from './invalidation/group-ending.js';
import { IndexSweeper } from './upkeep/index-sweeper.js';
import { Invalidator, type Target } from './invalidation/invalidator.js';
import { LeaseKeeper } from './loads/lease-keeper.js';
import { LoadCommitter } from './loads/load-committer.js';
import { GIVEN_UP, type Lease, LoadOpener } from './loads/load-opener.js';
import { type Hides, Outbox } from './invalidation/outbox.js';
import { Redelivery } from './invalidation/redelivery.js';
import { type OwnLease, RedisGrant } from './loads/redis-grant.js';
import { RedisKeys } from './protocol/redis-keys.js';
import { RedisLink } from './connection/redis-link.js';
import type { RedisParts } from './entries/redis-parts.js';
import type { RedisWire } from './connection/redis-wire.js';
import { StoreSurvey } from './entries/store-survey.js';
import { TagConjunction } from './invalidation/tag-conjunction.js';
import { TrashSweeper } from './invalidation/trash-sweeper.js';
import { WakeRoom, type Watch } from './loads/wake-room.js';

/*
 * Entries in Redis, for any number of processes. What keeps an old value out, whatever the network does:
 *
 *   lease        A load puts a token under the name of the entry and may store only where it still stands. Whatever sets,
 *                removes or softens the entry takes the token away. One process at a time has an exclusive lease.
 *   generation   All entries of a tag, a namespace or everything are marked with a random id that the server has for it,
 *                as it was before their load began. An invalidation removes the id. An entry is valid where its marks
 *                equal what the server has after the read began.
 *
 * So nothing has to be atomic across slots, and whatever the server loses makes an entry unreadable, never an old one
 * readable. Who does what:
 *
 *   EntryReader    entries and generations in one round trip, and whether they match
 *   LoadOpener     leases            LoadCommitter  results           LeaseKeeper   keeps leases alive
 *   EntryWriter    entries and indexes in one round trip
 *   Invalidator    out of view       TrashSweeper   out of memory     Outbox        what Redis has not heard of
 *   IndexSweeper   out of the indexes what has expired             LostMembers   and what was evicted
 *   RedisLink      limits every wait, refuses calls while Redis is away
 */

export interface RedisAdapterOptions {
  readonly keyPrefix: string;
  readonly version: string | undefined;
  readonly codec: EntryCodec;
  /** How long one call may wait for Redis in all. */
  readonly commandTimeoutMs: number;
  /** Hears how the connection is. */
  readonly words?: ConnectionWords;
}

/** A cluster has one key for each part of everything, so that no server is asked by every read. */
const PARTS = { cluster: 16, single: 1 };
const STORE_TRIES = 3;
const NOTHING = Promise.resolve(undefined);

export class RedisAdapter implements CacheAdapter {
  readonly kind = 'redis';
  readonly #context: CacheAdapterContext;
  readonly #limitMs: number;
  readonly #wire: RedisWire;
  readonly #keys: RedisKeys;
  readonly #link: RedisLink;
  readonly #words: ConnectionWords | undefined;
  readonly #reader: EntryReader;
  readonly #writer: EntryWriter;
  readonly #opener: LoadOpener;
  readonly #committer: LoadCommitter;
  readonly #leases: LeaseKeeper;
  readonly #room: WakeRoom;
  readonly #invalidator: Invalidator;
  readonly #sweeper: TrashSweeper;
  readonly #indexes: IndexSweeper;
  readonly #outbox: Outbox;
  readonly #scan: EntryScan;
  readonly #survey: StoreSurvey;
  /** What changes the store and was not answered yet. */
  readonly #underWay = new Set<Promise<unknown>>();
  #hits = 0;
  #misses = 0;
  #isClosed = false;

  /** @param wire belongs to the adapter from now on, which closes it */
  constructor(
    wire: RedisWire,
    { keyPrefix, version, codec, commandTimeoutMs: limitMs, words }: RedisAdapterOptions,
    context: CacheAdapterContext,
  ) {
    const { clock } = context;
    this.#context = context;
    this.#limitMs = limitMs;
    this.#wire = wire;
    this.#keys = new RedisKeys({
      keyPrefix,
      name: context.name,
      version,
      parts: wire.isCluster ? PARTS.cluster : PARTS.single,
    });
    this.#words = words;
    this.#link = new RedisLink(wire, clock, {
      timeKey: this.#keys.partOf('').key,
      limitMs,
      onUp: (isMoved) => this.#onUp(isMoved),
      ...(words === undefined ? {} : { onAway: (why) => words.away(why ?? wire.lastError()) }),
    });
    this.#reader = new EntryReader(this.#keys, this.#link, codec, clock);
    this.#writer = new EntryWriter(this.#keys, this.#link, this.#reader, codec, clock);
    const parts: RedisParts = {
      keys: this.#keys,
      link: this.#link,
      reader: this.#reader,
      writer: this.#writer,
      walk: new EntryWalk(wire, this.#link, limitMs),
      clock,
      limitMs,
      isCluster: wire.isCluster,
      onError: (error) => context.onError(error),
    };
    this.#opener = new LoadOpener(this.#keys, this.#link, this.#reader, () => clock.nowMs());
    this.#committer = new LoadCommitter(parts, (keys, namespace) =>
      this.#outbox.acknowledged({ kind: 'keys', keys, namespace }, false),
    );
    this.#leases = new LeaseKeeper(this.#link, clock);
    this.#room = new WakeRoom(clock, () => wire.isListening());
    this.#sweeper = new TrashSweeper(parts);
    this.#indexes = new IndexSweeper(parts);
    const ending = new GroupEnding(parts, this.#sweeper);
    this.#invalidator = new Invalidator(parts, new TagConjunction(parts), ending, this.#sweeper);
    this.#outbox = new Outbox(clock, new Redelivery(parts, this.#invalidator, ending, (name) => wire.placeOf(name)));
    this.#scan = new EntryScan(parts);
    this.#survey = new StoreSurvey(this.#keys, this.#link, limitMs);
    wire.listen({
      onUp: () => this.#link.connectionUp(),
      onDown: () => this.#link.connectionDown(),
      onMoved: () => this.#link.moved(),
      onWake: (name) => this.#room.wake(name),
    });
  }

  /** Resolves when it is known whether Redis answers. */
  async ready(): Promise<void> {
    if (this.#wire.isUp()) await this.#link.firstUp;
  }

  get(key: string, namespace: string | undefined): Promise<StoredEntry | undefined> {
    if (this.#isClosed) return NOTHING;
    const hides = this.#outbox.pending();
    return this.#reader.read([key], namespace, this.#limitMs, ([entry]) => this.#shown(entry, hides));
  }

  getMany(keys: readonly string[], namespace: string | undefined): Promise<(StoredEntry | undefined)[]> {
    if (this.#isClosed || keys.length === 0) return Promise.resolve(keys.map(() => undefined));
    const hides = this.#outbox.pending();
    return this.#reader.read(keys, namespace, this.#limitMs, (entries) =>
      entries.map((entry) => this.#shown(entry, hides)),
    );
  }

  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    const sentMs = idleMs(this.#context.clock);
    const remainingMs = (): number => this.#limitMs - (request.waitedMs ?? 0) - (idleMs(this.#context.clock) - sentMs);
    const hides = this.#outbox.pending();
    const asked = this.#isClosed
      ? []
      : [...new Set(keys)].filter((key) => hides?.(key, namespace, request.tags) !== true);
    const names = asked.map((key) => this.#keys.entry(key, namespace));
    const watches = request.exclusive ? names.map((name) => this.#room.watch(name)) : [];
    try {
      const opening = await this.#opener.open(asked, namespace, request, remainingMs);
      const tickets = new Map(asked.map((key, i) => [key, ticketOf(shownLease(opening.leases[i], hides), watches[i])]));
      const grant = new RedisGrant({
        namespace,
        purpose: request.purpose,
        opening,
        keys: asked,
        names,
        epochsKey: this.#keys.epochs,
        tickets: keys.map((key) => tickets.get(key) ?? { state: 'granted' }),
        spentMs: this.#limitMs - remainingMs(),
        commit: (open, drafts) => this.#commit(open, drafts),
        end: (open, left) => this.#end(open, left),
      });
      if (grant.leases.length > 0) this.#leases.keep(grant);
      return grant;
    } catch (error) {
      for (const watch of watches) watch.close();
      throw error;
    }
  }

  async set(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<void> {
    if (this.#isClosed) return;
    const last = [...new Map(drafts.map((draft) => [draft.key, draft])).values()];
    const prepared = await this.#writer.prepare(last, namespace);
    const target: Target = { kind: 'keys', keys: last.map(({ key }) => key), namespace };
    try {
      await this.#watched(this.#store(prepared));
      this.#outbox.acknowledged(target, false);
    } catch (error) {
      // What was there before must not outlive a set that was answered.
      this.#outbox.add(target, false);
      throw error;
    }
  }

  async invalidate(
    target: InvalidationTarget,
    { soft = false, dryRun = false }: { soft?: boolean; dryRun?: boolean } = {},
  ): Promise<number> {
    if (target.kind === 'pattern') compileGlob(target.pattern);
    if (this.#isClosed) return 0;
    if (target.kind === 'expired') return this.#link.isUp() ? this.#indexes.forgetExpired(dryRun) : 0;
    if (dryRun) return this.#invalidator.run(target, { soft, dryRun });
    try {
      const count = await this.#watched(this.#invalidator.run(target, { soft, dryRun }));
      this.#outbox.acknowledged(target, soft);
      return count;
    } catch (error) {
      // Once the adapter is closed the outbox takes nothing.
      if (!this.#outbox.add(target, soft)) throw error;
      this.#context.onError(unheard(error));
      return 0;
    }
  }

  async scan(query: ScanQuery): Promise<ScanPage> {
    return this.#isClosed ? { entries: [] } : this.#scan.page(query);
  }

  async usage(): Promise<AdapterUsage> {
    const { entries, oldestMs, newestMs, areManyExpired } = await this.#survey.take();
    if (areManyExpired) void this.#indexes.sweep();
    const status = this.#outbox.size > 0 && this.#link.isUp() ? 'degraded' : this.#link.status;
    const tier = { name: 'redis', entries, hits: this.#hits, misses: this.#misses, bytes: null } as const;
    return { entries, bytes: null, evictions: 0, oldestMs, newestMs, status, tiers: [tier] };
  }

  /** Where an operator finds the entry. */
  storedKey(key: string, namespace: string | undefined): string {
    return this.#keys.entry(key, namespace);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#words?.close();
    await this.#drain();
    if (this.#outbox.size > 0) this.#context.onError(undelivered(this.#outbox.size));
    this.#outbox.close();
    this.#leases.close();
    this.#sweeper.close();
    this.#indexes.close();
    this.#room.wakeAll();
    this.#link.close();
    await this.#wire.close();
  }

  /**
   * Ends when Redis has heard of everything that was to be stored or invalidated, and has freed it, or cannot do so in
   * time.
   */
  async #drain(): Promise<void> {
    const told = Promise.allSettled(this.#underWay).then(() =>
      this.#outbox.size > 0 && this.#link.isUp() ? this.#outbox.flush() : undefined,
    );
    const done = told.then(() => this.#sweeper.done());
    await settledWithin(this.#context.clock, this.#limitMs, done);
  }

  #watched<T>(work: Promise<T>): Promise<T> {
    this.#underWay.add(work);
    return work.finally(() => this.#underWay.delete(work));
  }

  #onUp(isMoved: boolean): void {
    this.#words?.up();
    if (isMoved) this.#outbox.repeatRecent();
    void this.#outbox.flush();
    void this.#sweeper.adopt();
    this.#indexes.start();
  }

  /** @param hides what was to be invalidated still when the read began */
  #shown(entry: StoredEntry | undefined, hides: Hides | undefined): StoredEntry | undefined {
    const isShown = entry !== undefined && hides?.(entry.key, entry.namespace, entry.tags) !== true;
    if (isShown && this.#context.clock.coarseNowMs() < entry.freshUntilMs) this.#hits++;
    else this.#misses++;
    return isShown ? entry : undefined;
  }

  async #store(prepared: readonly Prepared[]): Promise<void> {
    const marks = this.#writer.guess(prepared);
    let left = prepared;
    for (let tries = 0; left.length > 0; tries++) {
      const ends = await this.#writer.store(left, marks, this.#limitMs);
      const failed = ends.find((end) => 'reason' in end);
      if (failed !== undefined) throw failed.reason;
      if (ends.some(({ state }) => state === 'late')) this.#link.resync();
      left = left.filter((_, i) => ends[i]?.state !== 'stored').map((each) => ({ ...each, revision: randomId() }));
      if (left.length > 0 && tries === STORE_TRIES)
        throw new Error('The entry was invalidated again and again while it was being stored.');
    }
  }

  async #commit(grant: RedisGrant, drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]> {
    if (this.#isClosed) return drafts.map(() => undefined);
    const { namespace } = grant;
    const hides = this.#outbox.pending();
    const isAllowed = drafts.map(({ key, tags }) => grant.tokens.has(key) && hides?.(key, namespace, tags) !== true);
    const prepared = await this.#writer.prepareLoaded(
      drafts.filter((_, i) => isAllowed[i]),
      namespace,
      (error) => this.#context.onError(error),
    );
    const sentMs = idleMs(this.#context.clock);
    const stored = await this.#committer
      .commit(grant, prepared)
      .finally(() => (grant.spentMs += idleMs(this.#context.clock) - sentMs));
    let next = 0;
    return isAllowed.map((isOne) => (isOne ? stored[next++] : undefined));
  }

  async #end(grant: RedisGrant, left: readonly OwnLease[]): Promise<void> {
    this.#leases.drop(grant);
    if (left.length > 0) await this.#committer.release(left, this.#limitMs - grant.spentMs);
  }
}

/**
 * What a load may be told of: the tags of what is stored are known only now. An entry that is hidden is to be loaded
 * anew.
 */
function shownLease(lease: Lease | undefined, hides: Hides | undefined): Lease | undefined {
  const entry = lease?.state === 'found' ? lease.entry : lease?.state === 'granted' ? lease.current : undefined;
  if (entry === undefined || hides?.(entry.key, entry.namespace, entry.tags) !== true) return lease;
  return lease?.state === 'granted' ? { ...lease, current: undefined } : GIVEN_UP;
}

function ticketOf(lease: Lease | undefined, watch: Watch | undefined): LoadTicket {
  if (lease?.state === 'held' && watch !== undefined) return { state: 'held', settled: watch.ended(lease.leftMs) };
  watch?.close();
  if (lease?.state === 'found') return { state: 'found', entry: lease.entry };
  return lease?.state === 'granted' && lease.current !== undefined
    ? { state: 'granted', current: lease.current }
    : { state: 'granted' };
}

function unheard(cause: unknown): CacheUnavailableError {
  return new CacheUnavailableError(
    'Redis could not be told of an invalidation. It is kept and sent again until Redis has it; this process treats what it concerns as missing.',
    { cause },
  );
}

function undelivered(count: number): CacheUnavailableError {
  return new CacheUnavailableError(
    `The cache was closed while Redis could not be told of ${count} invalidations. Other processes may serve what they concern until it expires.`,
  );
}
