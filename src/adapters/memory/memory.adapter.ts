import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { compileGlob } from '../../core/vocabulary/glob.js';
import { show } from '../../core/vocabulary/show.js';
import type {
  AdapterUsage,
  CacheAdapterContext,
  EntryDraft,
  InvalidationTarget,
  LoadRequest,
  LoadTicket,
  ScanPage,
  ScanQuery,
  StoredEntry,
} from '../../core/ports/cache-adapter.port.js';
import type { NearEntry, NearTier } from '../../core/ports/near-tier.port.js';
import { snapshot } from '../../core/values/value-copier.js';
import { ExpirySweep } from './expiry-sweep.js';
import { LoadRegistry, type OpenLoad } from './load-registry.js';
import { Lru } from './eviction/lru.js';
import { MemoryGrant } from './memory-grant.js';
import { MemoryNode } from './nodes/memory-node.js';
import type { ResolvedMemoryOptions } from './memory-options.js';
import { MemoryStore } from './memory-store.js';
import { S3Fifo } from './eviction/s3-fifo.js';
import { fence, select } from './selection.js';
import { StoreTime } from './nodes/store-time.js';

/*
 * Entries in the memory of this process. Every method returns its result, not a promise, and nothing here awaits: each
 * call runs without interruption. So the only races are those of loads, which LoadRegistry decides. The parts:
 *
 *   MemoryStore    the nodes in their indexes, and the limits; EvictionPolicy selects the nodes to drop when it is full
 *   LoadRegistry   the loads that may still store their results
 *   ExpirySweep    frees expired entries
 *
 * A hit costs two map look-ups and the coarse clock. It allocates nothing: the node itself is returned. The coarse time
 * can lag a little behind. So a soft invalidation expires entries as of the coarse time: otherwise a reader in the same
 * turn of the event loop would still see a fresh entry.
 *
 * The listeners onEvict and onError are called last. So they may call this adapter: the store is consistent by then.
 */

/** Nodes in a store at most, for `usage()` to free the expired ones first. */
const SMALL_STORE = 10_000;

/** Slots per page of a scan, so that a filter with few matches does not block the process. */
const SLOTS_PER_PAGE = 10_000;

/** Nodes removed at once by one invalidation; it hides the rest, which are removed later. */
const REMOVED_AT_ONCE = 1_000;

const GRANTED: LoadTicket = Object.freeze({ state: 'granted' });

export class MemoryAdapter implements NearTier {
  readonly kind = 'memory';
  readonly #options: ResolvedMemoryOptions;
  readonly #context: CacheAdapterContext;
  readonly #time: StoreTime;
  readonly #loads = new LoadRegistry();
  readonly #store: MemoryStore;
  readonly #sweep: ExpirySweep;
  #hits = 0;
  #misses = 0;
  #evictions = 0;
  #isClosed = false;
  /** Nodes that were too large to store, to be reported. */
  readonly #tooLarge: MemoryNode[] = [];

  constructor(options: ResolvedMemoryOptions, context: CacheAdapterContext) {
    this.#options = options;
    this.#context = context;
    this.#time = new StoreTime(context.clock);
    this.#store = new MemoryStore(options, options.policy === 'lru' ? new Lru() : new S3Fifo());
    this.#sweep = new ExpirySweep(this.#store, context.clock);
  }

  get(key: string, namespace: string | undefined): NearEntry | undefined {
    const nowMs = this.#time.coarseNowMs();
    const node = this.#store.findLive(key, namespace, nowMs);
    if (node === undefined || !this.#isReadable(node)) {
      this.#misses++;
      return undefined;
    }
    if (nowMs < node.freshUntilMs) this.#hits++;
    else this.#misses++;
    this.#store.touch(node);
    return node;
  }

  getMany(keys: readonly string[], namespace: string | undefined): (StoredEntry | undefined)[] {
    return keys.map((key) => this.get(key, namespace));
  }

  begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): MemoryGrant {
    const tickets = keys.map((key) => this.#ticket(key, namespace, request));
    const granted = keys.filter((_, i) => tickets[i]?.state === 'granted');
    if (request.purpose === 'write') for (const key of granted) this.#loads.voidKey(key, namespace);
    const loads = this.#isClosed ? [] : this.#loads.open(granted, namespace, request);
    return new MemoryGrant(tickets, loads, {
      commit: (drafts, loadOf) => this.#commit(drafts, namespace, loadOf),
      release: (load) => this.#loads.close(load),
    });
  }

  set(drafts: readonly EntryDraft[], namespace: string | undefined): void {
    if (this.#isClosed) return;
    const nodes = this.#nodesOf(drafts, namespace);
    drafts.forEach((draft, i) => {
      this.#loads.voidKey(draft.key, namespace);
      this.#keep(draft.key, namespace, nodes[i]);
    });
    this.#afterStoring();
  }

  invalidate(target: InvalidationTarget, how: { soft?: boolean; dryRun?: boolean } = {}): number {
    if (target.kind === 'expired') return how.dryRun === true ? this.#countExpired() : this.#sweep.freeAll();
    const slots = select(target, this.#store);
    if (how.dryRun === true) return this.#count(slots, how.soft === true);
    fence(target, this.#loads);
    return how.soft === true ? this.#expire(slots) : this.#remove(slots);
  }

  scan(query: ScanQuery): ScanPage {
    const isMatch = query.pattern === undefined ? () => true : compileGlob(query.pattern);
    const nowMs = this.#time.coarseNowMs();
    const { slots } = this.#store;
    const entries: StoredEntry[] = [];
    let slot = slotOf(query.cursor);
    for (const end = slot + SLOTS_PER_PAGE; slot < end && slot < slots.length && entries.length < query.limit; slot++) {
      const node = slots.at(slot);
      if (node === undefined || slots.isExpired(slot, nowMs)) continue;
      if (query.namespace !== undefined && node.namespace !== query.namespace) continue;
      if (isMatch(node.key) && this.#isReadable(node)) entries.push(node);
    }
    return slot < slots.length ? { entries, cursor: String(slot) } : { entries };
  }

  usage(): AdapterUsage {
    if (this.#store.slots.size <= SMALL_STORE) this.#sweep.freeAll();
    const { live, oldestMs, newestMs } = this.#store.summary(this.#time.moment().nowMs);
    const tier = {
      name: 'memory',
      entries: live,
      hits: this.#hits,
      misses: this.#misses,
      bytes: this.#store.bytes,
      ...boundsOf(this.#options),
    } as const;
    return {
      entries: live,
      bytes: tier.bytes,
      evictions: this.#evictions,
      oldestMs,
      newestMs,
      status: 'up',
      tiers: [tier],
    };
  }

  close(): void {
    this.#sweep.stop();
    this.invalidate({ kind: 'all' });
    this.#sweep.freeAll();
    this.#isClosed = true;
  }

  #ticket(key: string, namespace: string | undefined, request: LoadRequest): LoadTicket {
    const nowMs = this.#time.coarseNowMs();
    const node = this.#store.findLive(key, namespace, nowMs);
    if (node === undefined || !this.#isReadable(node)) return GRANTED;
    if (request.purpose === 'load' && nowMs < node.freshUntilMs) return { state: 'found', entry: node };
    return { state: 'granted', current: node };
  }

  #commit(
    drafts: readonly EntryDraft[],
    namespace: string | undefined,
    loadOf: (key: string) => OpenLoad | undefined,
  ): (StoredEntry | undefined)[] {
    const nodes = this.#nodesOf(drafts, namespace);
    const stored = drafts.map((draft, i) => {
      const load = loadOf(draft.key);
      return load !== undefined && this.#loads.finish(load, draft.tags)
        ? this.#keep(draft.key, namespace, nodes[i])
        : undefined;
    });
    this.#afterStoring();
    return stored.map((node) => (node !== undefined && this.#isReadable(node) ? node : undefined));
  }

  /** Prepares all values before the store changes, because a value that cannot be stored throws. */
  #nodesOf(drafts: readonly EntryDraft[], namespace: string | undefined): (MemoryNode | undefined)[] {
    const moment = this.#time.moment();
    return drafts.map((draft) => {
      if (draft.ttlMs <= 0) return undefined;
      return new MemoryNode(
        draft,
        namespace,
        snapshot(draft.value, this.#options.isolation, this.#context.types),
        moment,
        this.#time,
      );
    });
  }

  /** True when the value can be read. A value whose `from` fails is a miss. */
  #isReadable(node: MemoryNode): boolean {
    if (node.packed === undefined) return true;
    try {
      node.packed.prepare();
      return true;
    } catch (error) {
      this.#context.onError(error);
      return false;
    }
  }

  /** Replaces the entry of the key with `node`, or with nothing. Returns the node if it was stored. */
  #keep(key: string, namespace: string | undefined, node: MemoryNode | undefined): MemoryNode | undefined {
    if (node !== undefined && this.#store.put(node)) return node;
    const former = this.#store.find(key, namespace);
    if (former !== undefined) this.#store.remove(former);
    if (node !== undefined) this.#tooLarge.push(node);
    return undefined;
  }

  #afterStoring(): void {
    this.#sweep.arm();
    const nowMs = this.#time.coarseNowMs();
    for (const node of this.#store.takeEvicted()) {
      if (nowMs >= node.keptUntilMs) continue;
      this.#evictions++;
      this.#context.onEvict(node);
    }
    for (const node of this.#tooLarge.splice(0)) this.#context.onError(tooLarge(node, this.#options.maxBytes));
  }

  #remove(slots: Iterable<number>): number {
    const nowMs = this.#time.coarseNowMs();
    let count = 0;
    let removed = 0;
    for (const slot of slots) {
      if (!this.#store.slots.isExpired(slot, nowMs)) count++;
      if (removed++ < REMOVED_AT_ONCE) this.#store.remove(this.#store.slots.at(slot) as MemoryNode);
      else this.#store.condemn(slot);
    }
    this.#sweep.arm();
    return count;
  }

  #expire(slots: Iterable<number>): number {
    const nowMs = this.#time.coarseNowMs();
    let count = 0;
    for (const slot of slots) {
      if (!this.#isFresh(slot, nowMs)) continue;
      this.#store.expire(this.#store.slots.at(slot) as MemoryNode, nowMs);
      count++;
    }
    this.#sweep.arm();
    return count;
  }

  #count(slots: Iterable<number>, isSoft: boolean): number {
    const nowMs = this.#time.coarseNowMs();
    let count = 0;
    for (const slot of slots)
      if (isSoft ? this.#isFresh(slot, nowMs) : !this.#store.slots.isExpired(slot, nowMs)) count++;
    return count;
  }

  #isFresh(slot: number, nowMs: number): boolean {
    return !this.#store.slots.isExpired(slot, nowMs) && nowMs < (this.#store.slots.at(slot) as MemoryNode).freshUntilMs;
  }

  #countExpired(): number {
    const { live, condemned } = this.#store.summary(this.#time.moment().nowMs);
    return this.#store.slots.size - live - condemned;
  }
}

/** Checks the cursor, because it may come from a URL. */
function slotOf(cursor = '0'): number {
  if (/^\d{1,15}$/.test(cursor)) return Number(cursor);
  throw new CacheConfigError(`Expected \`cursor\` to be the one of the page before, got \`${show(cursor)}\`.`);
}

function tooLarge(node: MemoryNode, maxBytes: number): CacheConfigError {
  return new CacheConfigError(
    `Expected entries of at most \`memory.maxBytes\` (${maxBytes}), got one of ${node.sizeBytes} bytes, ` +
      'which was not stored. Raise `maxBytes`, or cache less in one entry.',
  );
}

/** The bounds that the tier has. */
function boundsOf({ maxEntries, maxBytes }: ResolvedMemoryOptions): { maxEntries?: number; maxBytes?: number } {
  return {
    ...(maxEntries === Infinity ? {} : { maxEntries }),
    ...(maxBytes === Infinity ? {} : { maxBytes }),
  };
}
