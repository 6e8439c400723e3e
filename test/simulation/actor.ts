import { internalsOf } from '../../src/core/cache-internals.js';
import { CacheTimeoutError } from '../../src/core/vocabulary/cache.errors.js';
import type { GetOrSetOptions, LoadContext } from '../../src/core/load/call-options.js';
import type { Reading, Value, Write } from './history.js';
import { HITS, KEYS, NAMESPACES, TAGS } from './targets.js';
import type { Pending, Process, World } from './world.js';
import { invalidation, type Invalidation } from './invalidations.js';

/** Calls that do not end the load of another caller. */
const UNDISTURBING: ReadonlySet<string> = new Set(['get', 'getMany', 'load']);

/** Error of a factory in the simulation. */
class SourceError extends Error {}

type Options = GetOrSetOptions<Value> & { readonly namespace?: string };

/** A user of the cache in one process. Makes random calls, one after the other, and checks every answer. */
export class Actor {
  constructor(
    private readonly world: World,
    private readonly process: Process,
  ) {}

  async act(): Promise<void> {
    const own = this.#begin('act');
    for (let i = 0; i < this.world.profile.operations; i++) {
      await this.#pause(this.#random() * this.world.profile.pauseMs);
      await this.#callOnce();
    }
    this.world.pending.delete(own);
  }

  async get(key: string, namespace: string | undefined): Promise<void> {
    await this.#call('get', async (reading) => {
      const value = await this.process.cache.get<Value>(key, { ...named(namespace) });
      if (value !== undefined) this.#judge(reading, value, { key, namespace, isFresh: true, how: 'get' });
    });
  }

  async #callOnce(): Promise<void> {
    const chance = this.#random();
    const key = this.#pick(KEYS);
    const namespace = this.#pick(NAMESPACES);
    if (chance < 0.34) return this.#load(key, namespace);
    if (chance < 0.52) return this.get(key, namespace);
    if (chance < 0.57) return this.#getMany(namespace);
    if (chance < 0.63) return this.#loadMany(namespace);
    if (chance < 0.68) return this.#set(key, namespace);
    if (chance < 0.72) return this.#writeThrough(key, namespace);
    if (chance < 0.75) return this.#touch(key, namespace);
    if (chance < 0.78) return this.#refresh(key, namespace);
    return this.#invalidate(invalidation(this.process.cache, () => this.#random()));
  }

  async #load(key: string, namespace: string | undefined): Promise<void> {
    const options = this.#options(namespace);
    const isServedStale =
      options.staleWhileRevalidate !== undefined ||
      options.staleIfError !== undefined ||
      options.softTimeout !== undefined;
    const isShared = options.singleFlight === undefined;
    const since = isShared ? this.world.loads.disturbances : undefined;
    const load = (context: LoadContext<Value>): Promise<Value> => this.#compute(context, options, since);
    await this.#call(
      isShared ? 'load' : 'load alone',
      async (reading) => {
        const { value, status, entry } = await internalsOf(this.process.cache).load<Value>(key, load, options);
        const about = {
          key,
          namespace,
          isFresh: !isServedStale || status !== 'stale',
          how: `load (${status}, ${String(entry?.createdAtMs)})`,
        };
        this.#judge(reading, value, about);
        if (status === 'miss') this.world.history.checkLoaded(reading, value, about);
      },
      options,
    );
  }

  async #getMany(namespace: string | undefined): Promise<void> {
    await this.#call('getMany', async (reading) => {
      const values = await this.process.cache.getMany<Value>(KEYS, { ...named(namespace) });
      for (const [key, value] of values) this.#judge(reading, value, { key, namespace, isFresh: true, how: 'getMany' });
    });
  }

  async #loadMany(namespace: string | undefined): Promise<void> {
    const options = this.#options(namespace);
    const isServedStale =
      options.staleWhileRevalidate !== undefined ||
      options.staleIfError !== undefined ||
      options.softTimeout !== undefined;
    const load = async (missing: string[]): Promise<Map<string, Value>> => {
      const version = this.world.history.version;
      await this.#takeTime();
      return new Map(
        missing
          .filter(() => this.#random() < 0.9)
          .map((key) => [key, this.#value(version, key, namespace, options.tags)]),
      );
    };
    await this.#call(
      'loadMany',
      async (reading) => {
        const values = await this.process.cache.getOrSetMany<Value>(
          KEYS.filter(() => this.#random() < 0.7),
          load,
          options,
        );
        for (const [key, value] of values)
          this.#judge(reading, value, { key, namespace, isFresh: !isServedStale, how: 'loadMany' });
      },
      options,
    );
  }

  async #set(key: string, namespace: string | undefined): Promise<void> {
    const { history } = this.world;
    const write = history.write(HITS.keys([key], namespace));
    const set = history.beginSet(write.version, this.process.name);
    const value = { ...this.#value(write.version, key, namespace, undefined), set };
    await this.#change(
      `set ${key}`,
      write,
      () => this.process.cache.set(key, value, { ttl: this.#ttl(), tags: [...value.tags], ...named(namespace) }),
      (hasReached) => history.endSet(set, !hasReached),
    );
  }

  async #writeThrough(key: string, namespace: string | undefined): Promise<void> {
    const { history } = this.world;
    let write = history.write(HITS.keys([key], namespace));
    const store = async (): Promise<Value> => {
      await this.#takeTime();
      write = history.write(HITS.keys([key], namespace));
      return this.#value(write.version, key, namespace, tags);
    };
    const tags = this.#tags();
    let isDone = false;
    await this.#change(
      `writeThrough ${key}`,
      () => (isDone ? write : undefined),
      async () => {
        await this.process.cache.writeThrough<Value>(key, store, { ttl: this.#ttl(), tags, ...named(namespace) });
        isDone = true;
      },
    );
  }

  async #touch(key: string, namespace: string | undefined): Promise<void> {
    await this.#call('touch', () => this.process.cache.touch(key, this.#ttl(), { ...named(namespace) }));
  }

  async #refresh(key: string, namespace: string | undefined): Promise<void> {
    const options = this.#options(namespace);
    await this.#call(
      'refresh',
      async (reading) => {
        const value = await this.process.cache.refresh<Value>(
          key,
          (context) => this.#compute(context, options, undefined),
          options,
        );
        const isServedStale = options.staleIfError !== undefined || options.softTimeout !== undefined;
        this.#judge(reading, value, { key, namespace, isFresh: !isServedStale, how: 'refresh' });
        if (!isServedStale) this.world.history.checkLoaded(reading, value, { key, namespace, how: 'refresh' });
      },
      options,
    );
  }

  async #invalidate({ what, isHit, isSoft, run }: Invalidation): Promise<void> {
    const write = this.world.history.write(isHit, isSoft);
    await this.#change(what, write, run);
  }

  /** Makes a call that changes the cache, and records its acknowledgement. */
  async #change(
    what: string,
    write: Write | (() => Write | undefined),
    apply: () => Promise<unknown>,
    onEnd?: (hasReached: boolean) => void,
  ): Promise<void> {
    const errors = this.process.errors;
    await this.#call(what, async () => {
      await apply();
      const done = typeof write === 'function' ? write() : write;
      // A fault reported during the call can be a fault of this call.
      const hasReached = this.process.errors === errors;
      this.world.floors++;
      if (done !== undefined)
        this.world.history.acknowledge(
          done,
          `${what} by ${this.process.name}`,
          hasReached ? undefined : this.process.name,
        );
      onEnd?.(hasReached);
    });
  }

  async #call(what: string, run: (reading: Reading) => Promise<unknown>, options?: Options): Promise<void> {
    const pending = this.#begin(what);
    const { world, process } = this;
    const startedMs = world.time.nowMs;
    const reading = world.history.read(process.name);
    const endDisturbance = UNDISTURBING.has(what) ? undefined : world.loads.disturb();
    world.trace(() => `${process.name} > ${what} ${options === undefined ? '' : JSON.stringify(options)}`);
    try {
      await run(reading);
    } catch (error) {
      const isExpected =
        error instanceof SourceError || (error instanceof CacheTimeoutError && options?.hardTimeout !== undefined);
      if (!isExpected)
        world.history.violations.push(
          `${process.name}: ${what} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        );
    }
    world.trace(() => `${process.name} < ${what}`);
    world.pending.delete(pending);
    endDisturbance?.();
    const tookMs = world.time.nowMs - startedMs;
    if (tookMs > (world.slowestMs.get(what) ?? 0)) world.slowestMs.set(what, tookMs);
  }

  /** @param since for a shared load, `loads.disturbances` at the time of the call */
  async #compute(context: LoadContext<Value>, { namespace, tags }: Options, since: number | undefined): Promise<Value> {
    const { history, loads } = this.world;
    const { key, signal, stale } = context;
    const { version } = history;
    const end = since === undefined ? undefined : loads.begin(`${namespace ?? ''}/${key}`, signal, since);
    this.world.trace(() => `${this.process.name}   computes ${key} of ${version}`);
    // True when the source answers that the old value is still valid.
    const isUnmodified =
      stale !== undefined &&
      stale.value.set === undefined &&
      history.isCurrent(stale.value) &&
      !(Array.isArray(tags) && tags.join() !== stale.tags.join()) &&
      this.#random() < 0.5;
    try {
      await this.#takeTime();
    } finally {
      end?.();
    }
    return isUnmodified ? context.notModified() : this.#value(version, key, namespace, tags);
  }

  async #takeTime(): Promise<void> {
    const chance = this.#random();
    const ms =
      chance < 0.2
        ? 0
        : chance < 0.85
          ? this.#random() * 40
          : chance < 0.97
            ? this.#random() * 400
            : this.#random() * 5_000;
    if (ms > 0) await this.#pause(ms);
    if (this.#random() < 0.1) throw new SourceError('The source is down.');
  }

  #judge(
    reading: Reading,
    value: Value,
    about: { key: string; namespace: string | undefined; isFresh: boolean; how: string },
  ): void {
    this.world.hits++;
    this.world.history.check(reading, value, about);
  }

  #value(version: number, key: string, namespace: string | undefined, tags: Options['tags']): Value {
    return { version, key, namespace: namespace ?? null, tags: Array.isArray(tags) ? tags : this.#someTags() };
  }

  /** Tags that are given before the load, or computed from the value. */
  #tags(): string[] | ((value: Value) => string[]) {
    return this.#random() < 0.5 ? this.#someTags() : (value) => [...value.tags];
  }

  #someTags(): string[] {
    return TAGS.filter(() => this.#random() < 0.4);
  }

  #options(namespace: string | undefined): Options {
    const random = (): number => this.#random();
    const sometimes = <T>(chance: number, value: T): T | undefined => (random() < chance ? value : undefined);
    const all = {
      namespace,
      ttl: this.#ttl(),
      tags: this.#tags(),
      staleWhileRevalidate: sometimes(0.25, 2_000),
      staleIfError: sometimes(0.2, 2_000),
      softTimeout: sometimes(0.15, 10),
      hardTimeout: sometimes(0.25, Math.ceil(random() * 100)),
      refreshAhead: sometimes(0.2, 0.5),
      singleFlight: sometimes(0.15, this.#pick(['process', false] as const)),
    };
    return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
  }

  #ttl(): number {
    return this.#random() < 0.3 ? 10 + Math.floor(this.#random() * 100) : 20_000;
  }

  #begin(what: string): Pending {
    const pending = { what, process: this.process };
    this.world.pending.add(pending);
    return pending;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.process.clock.schedule(ms, resolve));
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }

  #random(): number {
    return this.world.random();
  }
}

function named(namespace: string | undefined): { namespace?: string } {
  return namespace === undefined ? {} : { namespace };
}
