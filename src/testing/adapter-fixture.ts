import type {
  Awaitable,
  CacheAdapter,
  CacheAdapterContext,
  EntryDraft,
  LoadGrant,
  LoadRequest,
  StoredEntry,
} from '../core/ports/cache-adapter.port.js';
import type { Clock } from '../core/ports/clock.port.js';
import { CONTRACT_TYPES } from './contract-types.js';

/** An adapter over an empty store, and its clock. The contract suite opens one for each test. */
export interface AdapterUnderTest {
  readonly adapter: CacheAdapter;
  /** Clock that the adapter uses. */
  readonly clock: Clock;
  /** Advances that clock by `ms` milliseconds: a fake clock at once, a real clock by waiting. */
  pass(ms: number): Promise<void>;
}

/** Opens an adapter over an empty store. The suite closes it. */
export type OpenAdapter = (context: Omit<CacheAdapterContext, 'clock'>) => Awaitable<AdapterUnderTest>;

/** Properties of an adapter that the contract suite must know. */
export interface ContractOptions {
  /**
   * False for an adapter that returns the very object that it was given, which only `isolation: 'none'` allows.
   * @default true
   */
  readonly isolatesValues?: boolean;
  /**
   * True for an adapter that returns instances of the classes in `context.types`, as with `createEntryCodec({ types:
   * context.types })`.
   * @default false
   */
  readonly keepsTypes?: boolean;
  /** Greatest age of the result of `usage`, in milliseconds. @default 0 */
  readonly usageLagMs?: number;
  /** Number of random interleavings. @default 20 */
  readonly seeds?: number;
}

/** The part of a test runner that the suite needs: Jest, Vitest and Mocha have it as globals. */
export interface TestRunner {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
}

/** A TTL that has passed after `PAST_SHORT_MS`, also on a real clock and over a network. */
export const SHORT_MS = 200;
export const PAST_SHORT_MS = 280;
export const LONG_MS = 60_000;

/** One adapter, with the calls that most tests make. */
export class AdapterFixture {
  readonly adapter: CacheAdapter;
  readonly clock: Clock;
  readonly pass: (ms: number) => Promise<void>;

  private constructor(
    opened: AdapterUnderTest,
    readonly options: Required<ContractOptions>,
  ) {
    this.adapter = opened.adapter;
    this.clock = opened.clock;
    this.pass = (ms) => opened.pass(ms);
  }

  static async open(open: OpenAdapter, options: Required<ContractOptions>): Promise<AdapterFixture> {
    const opened = await open({
      name: 'contract',
      version: undefined,
      types: CONTRACT_TYPES,
      onEvict: () => undefined,
      onError: () => undefined,
      onNotice: () => undefined,
    });
    return new AdapterFixture(opened, options);
  }

  async set(key: string, draft: Partial<EntryDraft> & { namespace?: string | undefined } = {}): Promise<void> {
    await this.adapter.set([draftOf(key, draft)], draft.namespace);
  }

  async get(key: string, namespace?: string): Promise<StoredEntry | undefined> {
    return this.adapter.get(key, namespace);
  }

  /** Returns the value under `key`; `undefined` where there is no entry. */
  async value(key: string, namespace?: string): Promise<unknown> {
    return (await this.adapter.get(key, namespace))?.read();
  }

  async begin(
    key: string,
    request: Partial<LoadRequest> & { namespace?: string | undefined } = {},
  ): Promise<LoadGrant> {
    return this.adapter.begin([key], request.namespace, {
      purpose: 'load',
      exclusive: false,
      tags: [],
      computesTags: true,
      ...request,
    });
  }

  /** Commits the result of a load of one key; true when the adapter accepted it. */
  async commit(grant: LoadGrant, key: string, draft: Partial<EntryDraft> = {}): Promise<boolean> {
    const [stored] = await grant.commit([draftOf(key, draft)]);
    return stored !== undefined;
  }

  /** True when the entry is fresh by the adapter's own times; false where there is no entry. */
  async isFresh(key: string, namespace?: string): Promise<boolean> {
    const entry = await this.adapter.get(key, namespace);
    return entry !== undefined && this.clock.coarseNowMs() < entry.freshUntilMs;
  }

  /** Returns every entry that paging through `scan` finds, as `namespace/key`, each once. */
  async scanned(query: { namespace?: string; pattern?: string } = {}, limit = 100): Promise<string[]> {
    const found = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.adapter.scan({ ...query, limit, ...(cursor === undefined ? {} : { cursor }) });
      for (const { key, namespace } of page.entries) found.add(`${namespace ?? ''}/${key}`);
      cursor = page.cursor;
    } while (cursor !== undefined);
    return [...found].sort();
  }

  /** Returns the number of entries by `usage`, after the time that its result may lag behind. */
  async stored(): Promise<number> {
    if (this.options.usageLagMs > 0) await this.pass(this.options.usageLagMs);
    return (await this.adapter.usage()).entries;
  }
}

/** Makes a draft with the value `v`, a TTL of a minute and no stale time, unless `draft` says otherwise. */
export function draftOf(key: string, draft: Partial<EntryDraft> = {}): EntryDraft {
  const { value = 'v', ttlMs = LONG_MS, staleMs = 0, tags = [], loadMs = 0, createdAtMs } = draft;
  return { key, value, ttlMs, staleMs, tags, loadMs, ...(createdAtMs === undefined ? {} : { createdAtMs }) };
}

/** Registers a test with a fixture of its own. */
export type ContractTest = (sentence: string, body: (fixture: AdapterFixture) => Promise<void>) => void;
