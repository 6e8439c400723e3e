import { randomUUID } from 'node:crypto';
import { compileGlob, createEntryCodec } from '../../src/index.js';
import type {
  CacheAdapter,
  CacheAdapterContext,
  EntryDraft,
  EntryHeader,
  Envelope,
  InvalidationTarget,
  StoredEntry,
} from '../../src/index.js';

/** Any place for bytes: a directory, a bucket, a table. */
export interface ByteStore {
  read(name: string): Promise<Buffer | undefined>;
  write(name: string, bytes: Buffer): Promise<void>;
  remove(name: string): Promise<void>;
}

/**
 * What is known of an entry without its value. The value is in the store under `name`, which no other entry ever has.
 */
interface Slot extends EntryHeader {
  name: string;
  sizeBytes: number;
  freshUntilMs: number;
  staleUntilMs: number;
  hits: number;
  lastReadAtMs: number;
}
type IsMeant = (entry: Pick<EntryHeader, 'key' | 'namespace' | 'tags'>) => boolean;
const idOf = (key: string, namespace: string | undefined) => JSON.stringify([namespace ?? null, key]);

/** Entries of one process, in a store of its own. */
export function byteStoreAdapter(store: ByteStore, { clock, hold, onError, types }: CacheAdapterContext): CacheAdapter {
  const codec = createEntryCodec({ types });
  const encode = async (entry: Envelope) => codec.encode(entry);
  const slots = new Map<string, Slot>();
  /** The fence: for each load that is under way, what was invalidated since it began. */
  const loads = new Map<object, IsMeant[]>();
  let isClosed = false;

  const live = () => [...slots].filter(([, { staleUntilMs }]) => clock.nowMs() < staleUntilMs);
  // While an application starts, nothing but this keeps the process alive until the store has answered.
  const whileHeld = <T>(work: () => Promise<T>) => (hold === undefined ? work() : hold.during(work));
  const drop = (id: string, slot: Slot) => slots.delete(id) && void store.remove(slot.name).catch(onError);
  const voidLoads = (isMeant: IsMeant) => loads.forEach((ended) => ended.push(isMeant));

  /** Writes values under new names: nobody reads them before `show`. Values are encoded before the first `await`. */
  async function write(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<Slot[]> {
    const headers = drafts.map(({ value, createdAtMs = clock.wallMs(), tags, ...draft }) => ({
      header: { ...draft, tags: [...tags], namespace, createdAtMs },
      value,
    }));
    const encoding = headers.map(({ header, value }) =>
      header.ttlMs === 0 ? Promise.resolve(Buffer.alloc(0)) : encode({ ...header, value }),
    );
    const encoded = await Promise.all(encoding);
    const written = headers.map(({ header }, i) => ({
      ...header,
      name: randomUUID(),
      sizeBytes: encoded[i]!.length,
      freshUntilMs: 0,
      staleUntilMs: 0,
      hits: 0,
      lastReadAtMs: 0,
    }));
    await whileHeld(() => Promise.all(written.map(({ name }, i) => store.write(name, encoded[i]!))));
    return written;
  }

  /** Makes a written entry the current one of its key, at once. */
  function show(slot: Slot): void {
    const id = idOf(slot.key, slot.namespace);
    const before = slots.get(id);
    if (before !== undefined) drop(id, before);
    slot.freshUntilMs = clock.nowMs() + slot.ttlMs;
    slot.staleUntilMs = slot.freshUntilMs + slot.staleMs;
    if (isClosed || slot.ttlMs === 0) void store.remove(slot.name).catch(onError);
    else slots.set(id, slot);
  }

  async function entryOf(slot: Slot | undefined): Promise<StoredEntry | undefined> {
    if (slot === undefined || clock.nowMs() >= slot.staleUntilMs) return undefined;
    const { freshUntilMs, staleUntilMs } = slot;
    const bytes = await whileHeld(() => store.read(slot.name));
    // Bytes that are cut, changed or of another entry are a miss.
    const opened = bytes && (await codec.open(bytes, slot));
    if (opened === undefined) return undefined;
    return {
      ...opened.header,
      sizeBytes: slot.sizeBytes,
      freshUntilMs,
      staleUntilMs,
      get hits() {
        return slot.hits;
      },
      get lastReadAtMs() {
        return slot.lastReadAtMs;
      },
      countHit: () => void (slot.hits++, (slot.lastReadAtMs = clock.wallMs())),
      read: () => opened.value(),
      get shared() {
        return opened.value();
      },
    };
  }

  const getMany: CacheAdapter['getMany'] = (keys, namespace) =>
    Promise.all(keys.map((key) => entryOf(slots.get(idOf(key, namespace)))));

  return {
    kind: 'bytes',
    get: (key, namespace) => entryOf(slots.get(idOf(key, namespace))),
    getMany,

    async begin(keys, namespace, { purpose }) {
      // A write replaces what earlier loads will bring.
      if (purpose === 'write') voidLoads(meantBy({ kind: 'keys', keys, namespace }));
      const load = {};
      const ended: IsMeant[] = [];
      if (!isClosed) loads.set(load, ended);
      const entries = await getMany(keys, namespace);
      const isFound = entries.map(
        (entry) => purpose === 'load' && entry !== undefined && clock.nowMs() < entry.freshUntilMs,
      );
      const granted = new Set(keys.filter((_, i) => isFound[i] === false));
      return {
        tickets: entries.map((entry, i) =>
          isFound[i] === true
            ? { state: 'found', entry: entry! }
            : { state: 'granted', ...(entry && { current: entry }) },
        ),
        async commit(drafts) {
          if (!loads.has(load)) return drafts.map(() => undefined);
          const written = await write(drafts, namespace).finally(() => loads.delete(load));
          const isRefused = (slot: Slot) =>
            isClosed || !granted.has(slot.key) || ended.some((isMeant) => isMeant(slot));
          const stored = written.map((slot) =>
            isRefused(slot)
              ? void store.remove(slot.name).catch(onError)
              : (voidLoads(isAny([slot])), show(slot), slot),
          );
          return Promise.all(stored.map(async (slot) => (slot && slot.ttlMs > 0 ? entryOf(slot) : undefined)));
        },
        release: () => void loads.delete(load),
      };
    },

    async set(drafts, namespace) {
      const written = await write(drafts, namespace);
      voidLoads(isAny(written));
      written.forEach(show);
    },

    invalidate(target, { soft = false, dryRun = false } = {}) {
      const nowMs = clock.nowMs();
      const isMeant = meantBy(target);
      const dead = [...slots].filter(([, slot]) => nowMs >= slot.staleUntilMs);
      const meant =
        target.kind === 'expired'
          ? dead
          : live().filter(([, slot]) => isMeant(slot) && !(soft && nowMs >= slot.freshUntilMs));
      if (dryRun) return meant.length;
      voidLoads(isMeant);
      for (const [id, slot] of [...meant, ...dead]) {
        if (!soft || slot.staleMs === 0 || nowMs >= slot.staleUntilMs) drop(id, slot);
        else [slot.freshUntilMs, slot.staleUntilMs] = [nowMs, nowMs + slot.staleMs];
      }
      return meant.length;
    },

    async scan({ namespace, pattern = '*', cursor = '', limit }) {
      const matches = compileGlob(pattern);
      const isMeant = ({ key, namespace: own }: Slot) => (namespace === undefined || own === namespace) && matches(key);
      const page = live()
        .filter(([id, slot]) => id > cursor && isMeant(slot))
        .sort(([one], [other]) => (one < other ? -1 : 1))
        .slice(0, limit + 1);
      const shown = page.slice(0, limit);
      const entries = (await Promise.all(shown.map(([, slot]) => entryOf(slot)))).filter(
        (entry) => entry !== undefined,
      );
      return page.length > limit ? { entries, cursor: shown.at(-1)![0] } : { entries };
    },

    usage() {
      const all = live().map(([, slot]) => slot);
      const bytes = all.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const times = all.map(({ createdAtMs }) => createdAtMs).sort((one, other) => one - other);
      const tier = { name: 'file', entries: all.length, hits: 0, misses: 0, bytes } as const;
      return {
        entries: all.length,
        bytes,
        evictions: 0,
        oldestMs: times[0] ?? null,
        newestMs: times.at(-1) ?? null,
        status: 'up',
        tiers: [tier],
      };
    },

    close() {
      isClosed = true;
      for (const [id, slot] of slots) drop(id, slot);
      loads.clear();
    },
  };
}

const isAny =
  (slots: readonly Slot[]): IsMeant =>
  ({ key, namespace }) =>
    slots.some((slot) => slot.key === key && slot.namespace === namespace);

function meantBy(target: InvalidationTarget): IsMeant {
  switch (target.kind) {
    case 'keys':
      return ({ key, namespace }) => namespace === target.namespace && target.keys.includes(key);
    case 'tags':
      return ({ tags }) =>
        target.tags.length > 0 && target.tags[target.mode === 'all' ? 'every' : 'some']((tag) => tags.includes(tag));
    case 'namespace':
      return ({ namespace }) => namespace === target.namespace;
    case 'pattern': {
      const matches = compileGlob(target.pattern);
      return ({ key, namespace }) => namespace === target.namespace && matches(key);
    }
    case 'all':
      return () => true;
    case 'expired':
      return () => false;
  }
}
