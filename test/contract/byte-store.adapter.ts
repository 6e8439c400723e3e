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

/** An entry without its value. The value is in the store under `name`, which is never used for another entry. */
interface Slot extends EntryHeader {
  name: string;
  sizeBytes: number;
  freshUntilMs: number;
  staleUntilMs: number;
  hits: number;
  lastReadAtMs: number;
}
type Selects = (entry: Pick<EntryHeader, 'key' | 'namespace' | 'tags'>) => boolean;
const idOf = (key: string, namespace: string | undefined) => JSON.stringify([namespace ?? null, key]);

/** A `CacheAdapter` for the entries of one process, in a store that only this adapter uses. */
export function byteStoreAdapter(store: ByteStore, { clock, hold, onError, types }: CacheAdapterContext): CacheAdapter {
  const codec = createEntryCodec({ types });
  const encode = async (entry: Envelope) => codec.encode(entry);
  const slots = new Map<string, Slot>();
  /** The fence: for each running load, the invalidations since it began. */
  const loads = new Map<object, Selects[]>();
  let isClosed = false;

  const live = () => [...slots].filter(([, { staleUntilMs }]) => clock.nowMs() < staleUntilMs);
  // While an application starts, only this keeps the process alive until the store has answered.
  const whileHeld = <T>(work: () => Promise<T>) => (hold === undefined ? work() : hold.during(work));
  const drop = (id: string, slot: Slot) => slots.delete(id) && void store.remove(slot.name).catch(onError);
  const voidLoads = (selects: Selects) => loads.forEach((ended) => ended.push(selects));

  /** Writes values under new names: no reader finds them before `show`. Encodes before the first `await`. */
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
      // A write makes the results of earlier loads invalid.
      if (purpose === 'write') voidLoads(selectorOf({ kind: 'keys', keys, namespace }));
      const load = {};
      const ended: Selects[] = [];
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
            isClosed || !granted.has(slot.key) || ended.some((selects) => selects(slot));
          const stored = written.map((slot) =>
            isRefused(slot)
              ? void store.remove(slot.name).catch(onError)
              : (voidLoads(selectsAnyOf([slot])), show(slot), slot),
          );
          return Promise.all(stored.map(async (slot) => (slot && slot.ttlMs > 0 ? entryOf(slot) : undefined)));
        },
        release: () => void loads.delete(load),
      };
    },

    async set(drafts, namespace) {
      const written = await write(drafts, namespace);
      voidLoads(selectsAnyOf(written));
      written.forEach(show);
    },

    invalidate(target, { soft = false, dryRun = false } = {}) {
      const nowMs = clock.nowMs();
      const selects = selectorOf(target);
      const dead = [...slots].filter(([, slot]) => nowMs >= slot.staleUntilMs);
      const selected =
        target.kind === 'expired'
          ? dead
          : live().filter(([, slot]) => selects(slot) && !(soft && nowMs >= slot.freshUntilMs));
      if (dryRun) return selected.length;
      voidLoads(selects);
      for (const [id, slot] of [...selected, ...dead]) {
        if (!soft || slot.staleMs === 0 || nowMs >= slot.staleUntilMs) drop(id, slot);
        else [slot.freshUntilMs, slot.staleUntilMs] = [nowMs, nowMs + slot.staleMs];
      }
      return selected.length;
    },

    async scan({ namespace, pattern = '*', cursor = '', limit }) {
      const matches = compileGlob(pattern);
      const selects = ({ key, namespace: own }: Slot) => (namespace === undefined || own === namespace) && matches(key);
      const page = live()
        .filter(([id, slot]) => id > cursor && selects(slot))
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

const selectsAnyOf =
  (slots: readonly Slot[]): Selects =>
  ({ key, namespace }) =>
    slots.some((slot) => slot.key === key && slot.namespace === namespace);

function selectorOf(target: InvalidationTarget): Selects {
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
