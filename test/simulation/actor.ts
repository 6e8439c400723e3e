import { internalsOf } from '../../src/core/cache-internals.js';
import { CacheTimeoutError } from '../../src/core/vocabulary/cache.errors.js';
import type { GetOrSetOptions, LoadContext } from '../../src/core/load/call-options.js';
import type { Reading, Value, Write } from './history.js';
import { HITS, KEYS, NAMESPACES, TAGS } from './targets.js';
import type { Pending, Process, World } from './world.js';
import { invalidation, type Invalidation } from './invalidations.js';

/** Calls that load at most what nobody else is loading. */
const QUIET: ReadonlySet<string> = new Set(['get', 'getMany', 'load']);

/** What a factory of the simulation throws. */
class SourceError extends Error {}

type Options = GetOrSetOptions<Value> & { readonly namespace?: string };

/** A user of the cache in one process: does one thing after the other, at random, and checks every answer. */
export class Actor {
  constructor(
    private readonly world: World,
    private readonly process: Process,
  ) {}

  async act(): Promise<void> {
    const shift = this.#begin('its shift');
    for (let i = 0; i < this.world.profile.operations; i++) {
      await this.#pause(this.#random() * this.world.profile.pauseMs);
      await this.#one();
    }
    this.world.pending.delete(shift);
  }

  async get(key: string, namespace: string | undefined): Promise<void> {
    await this.#asked('get', async (reading) => {
      const value = await this.process.cache.get<Value>(key, { ...named(namespace) });
      if (value !== undefined) this.#judge(reading, value, { key, namespace, isFresh: true, how: 'get' });
    });
  }

  async #one(): Promise<void> {
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
    const isUsual = options.singleFlight === undefined;
    const since = isUsual ? this.world.loads.calm : undefined;
    const load = (context: LoadContext<Value>): Promise<Value> => this.#compute(context, options, since);
    await this.#asked(
      isUsual ? 'load' : 'load alone',
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
    await this.#asked('getMany', async (reading) => {
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
      await this.#work();
      return new Map(
        missing
          .filter(() => this.#random() < 0.9)
          .map((key) => [key, this.#value(version, key, namespace, options.tags)]),
      );
    };
    await this.#asked(
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
    await this.#changed(
      `set ${key}`,
      write,
      () => this.process.cache.set(key, value, { ttl: this.#ttl(), tags: [...value.tags], ...named(namespace) }),
      (isHeard) => history.endSet(set, !isHeard),
    );
  }

  async #writeThrough(key: string, namespace: string | undefined): Promise<void> {
    const { history } = this.world;
    let write = history.write(HITS.keys([key], namespace));
    const store = async (): Promise<Value> => {
      await this.#work();
      write = history.write(HITS.keys([key], namespace));
      return this.#value(write.version, key, namespace, tags);
    };
    const tags = this.#tags();
    let isDone = false;
    await this.#changed(
      `writeThrough ${key}`,
      () => (isDone ? write : undefined),
      async () => {
        await this.process.cache.writeThrough<Value>(key, store, { ttl: this.#ttl(), tags, ...named(namespace) });
        isDone = true;
      },
    );
  }

  async #touch(key: string, namespace: string | undefined): Promise<void> {
    await this.#asked('touch', () => this.process.cache.touch(key, this.#ttl(), { ...named(namespace) }));
  }

  async #refresh(key: string, namespace: string | undefined): Promise<void> {
    const options = this.#options(namespace);
    await this.#asked(
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
    await this.#changed(what, write, run);
  }

  /** Tells the cache of a write, and puts down what it acknowledged. */
  async #changed(
    what: string,
    write: Write | (() => Write | undefined),
    tell: () => Promise<unknown>,
    onEnd?: (isHeard: boolean) => void,
  ): Promise<void> {
    const errors = this.process.errors;
    await this.#asked(what, async () => {
      await tell();
      const done = typeof write === 'function' ? write() : write;
      // Whoever was told of a fault meanwhile may have been told of this one.
      const isHeard = this.process.errors === errors;
      this.world.floors++;
      if (done !== undefined)
        this.world.history.acknowledge(
          done,
          `${what} by ${this.process.name}`,
          isHeard ? undefined : this.process.name,
        );
      onEnd?.(isHeard);
    });
  }

  async #asked(what: string, ask: (reading: Reading) => Promise<unknown>, options?: Options): Promise<void> {
    const pending = this.#begin(what);
    const { world, process } = this;
    const startedMs = world.time.nowMs;
    const reading = world.history.read(process.name);
    const calm = QUIET.has(what) ? undefined : world.loads.disturb();
    world.tell(() => `${process.name} > ${what} ${options === undefined ? '' : JSON.stringify(options)}`);
    try {
      await ask(reading);
    } catch (error) {
      const isExpected =
        error instanceof SourceError || (error instanceof CacheTimeoutError && options?.hardTimeout !== undefined);
      if (!isExpected)
        world.history.violations.push(
          `${process.name}: ${what} failed: ${error instanceof Error ? (error.stack ?? '') : String(error)}`,
        );
    }
    world.tell(() => `${process.name} < ${what}`);
    world.pending.delete(pending);
    calm?.();
    const tookMs = world.time.nowMs - startedMs;
    if (tookMs > (world.slowestMs.get(what) ?? 0)) world.slowestMs.set(what, tookMs);
  }

  /** @param since where it is a usual load: how calm it was when it was asked for */
  async #compute(context: LoadContext<Value>, { namespace, tags }: Options, since: number | undefined): Promise<Value> {
    const { history, loads } = this.world;
    const { key, signal, stale } = context;
    const { version } = history;
    const end = since === undefined ? undefined : loads.begin(`${namespace ?? ''}/${key}`, signal, since);
    this.world.tell(() => `${this.process.name}   computes ${key} of ${version}`);
    // The source says that the old value still holds.
    const isUnmodified =
      stale !== undefined &&
      stale.value.set === undefined &&
      history.isCurrent(stale.value) &&
      !(Array.isArray(tags) && tags.join() !== stale.tags.join()) &&
      this.#random() < 0.5;
    try {
      await this.#work();
    } finally {
      end?.();
    }
    return isUnmodified ? context.notModified() : this.#value(version, key, namespace, tags);
  }

  async #work(): Promise<void> {
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

  /** Known before, or computed from the value. */
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
