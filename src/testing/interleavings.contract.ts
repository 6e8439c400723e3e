import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { InvalidationTarget, LoadGrant, StoredEntry } from '../core/ports/cache-adapter.port.js';
import { type AdapterFixture, type ContractOptions, type ContractTest, draftOf, LONG_MS } from './adapter-fixture.js';
import { randomFrom } from './seeded-random.js';

/*
 * Several actors use one adapter at the same time: they load, set, invalidate and read, at random by a seed. The
 * "database" is a version number. Every invalidation raises it before it is sent, as an application writes before it
 * invalidates; a load reads the version after it was granted, and stores it as its value.
 *
 * Floors say which versions an entry may show. When an invalidation is acknowledged, its version becomes the floor of
 * the entries that it hit: of certain keys, or of entries with certain tags. A read notes the floors when it begins,
 * and must not return a lower version: that would be a value whose load began before an invalidation that was
 * acknowledged before the read. A soft invalidation is a floor for fresh entries only.
 */

const ACTORS = 6;
const STEPS_PER_ACTOR = 40;
const KEYS = ['a', 'b', 'c'];
const NAMESPACES = [undefined, 'n'];
const TAGS = ['s', 't'];

interface Floor {
  readonly isSoft: boolean;
  readonly version: number;
  hits(entry: Pick<StoredEntry, 'key' | 'namespace' | 'tags'>): boolean;
}

export function describeInterleavings(test: ContractTest, options: Required<ContractOptions>): void {
  for (let seed = 1; seed <= options.seeds; seed++) {
    test(`shows no value whose load began before an acknowledged invalidation (seed ${seed})`, async (fixture) => {
      const world = new World(fixture, seed);

      await Promise.all(Array.from({ length: ACTORS }, () => world.act()));

      assert.deepEqual(world.violations, []);
      assert.ok(world.stored > 0, 'some loads are stored, or nothing was tried');
    });
  }
}

class World {
  readonly violations: string[] = [];
  stored = 0;
  readonly #fixture: AdapterFixture;
  readonly #random: () => number;
  readonly #floors: Floor[] = [];
  #version = 0;
  #lastWrite: Promise<void> = Promise.resolve();

  constructor(fixture: AdapterFixture, seed: number) {
    this.#fixture = fixture;
    this.#random = randomFrom(seed);
  }

  async act(): Promise<void> {
    for (let step = 0; step < STEPS_PER_ACTOR; step++) {
      const chance = this.#random();
      if (chance < 0.35) await this.#load();
      else if (chance < 0.45) await this.#set();
      else if (chance < 0.6) await this.#invalidate();
      else await this.#read();
      await this.#wait();
    }
  }

  async #load(): Promise<void> {
    const keys = KEYS.filter(() => this.#random() < 0.5);
    const namespace = this.#pick(NAMESPACES);
    const tags = this.#someTags();
    const purpose = this.#pick(['load', 'load', 'load', 'refresh', 'write'] as const);
    const grant = await this.#fixture.adapter.begin(keys, namespace, {
      purpose,
      exclusive: false,
      tags: this.#random() < 0.5 ? tags : [],
      computesTags: true,
    });
    // A write replaces the results of other loads, so none of them must have read its version.
    const version = purpose === 'write' ? ++this.#version : this.#version;
    await this.#wait();
    if (this.#random() < 0.1) await grant.release();
    else await this.#commit(grant, keys, version, tags);
  }

  async #commit(grant: LoadGrant, keys: readonly string[], version: number, tags: readonly string[]): Promise<void> {
    const granted = keys.filter((_, i) => grant.tickets[i]?.state === 'granted');
    const stored = await grant.commit(granted.map((key) => draftOf(key, { value: version, tags, staleMs: LONG_MS })));
    this.stored += stored.filter((entry) => entry !== undefined).length;
  }

  /** Sets a value that is newer than all others, as after a write to the database. */
  #set(): Promise<void> {
    return this.#alone(async () => {
      const key = this.#pick(KEYS);
      const namespace = this.#pick(NAMESPACES);
      const version = ++this.#version;
      await this.#fixture.set(key, { namespace, value: version, tags: this.#someTags(), staleMs: LONG_MS });
      this.#floors.push({
        isSoft: false,
        version,
        hits: (entry) => entry.key === key && entry.namespace === namespace,
      });
    });
  }

  #invalidate(): Promise<void> {
    return this.#alone(async () => {
      const target = this.#target();
      const isSoft = this.#random() < 0.3;
      const version = ++this.#version;
      await this.#fixture.adapter.invalidate(target, { soft: isSoft });
      this.#floors.push({ isSoft, version, hits: (entry) => isHit(entry, target) });
    });
  }

  /**
   * Runs sets and invalidations one after the other: of two that overlap, either could be the last, and their versions
   * would not show which.
   */
  #alone(write: () => Promise<void>): Promise<void> {
    this.#lastWrite = this.#lastWrite.then(write);
    return this.#lastWrite;
  }

  async #read(): Promise<void> {
    const namespace = this.#pick(NAMESPACES);
    const floors = [...this.#floors];
    const entries = await this.#fixture.adapter.getMany(KEYS, namespace);
    for (const entry of entries) if (entry !== undefined) this.#check(entry, floors);
  }

  #check(entry: StoredEntry, floors: readonly Floor[]): void {
    const isFresh = this.#fixture.clock.coarseNowMs() < entry.freshUntilMs;
    const version = entry.read() as number;
    const broken = floors.find((floor) => floor.version > version && (isFresh || !floor.isSoft) && floor.hits(entry));
    if (broken !== undefined)
      this.violations.push(`${entry.namespace ?? ''}/${entry.key} shows ${version} under a floor of ${broken.version}`);
  }

  #target(): Exclude<InvalidationTarget, { kind: 'expired' }> {
    const namespace = this.#pick(NAMESPACES);
    return this.#pick([
      { kind: 'keys', keys: [this.#pick(KEYS)], namespace },
      { kind: 'tags', tags: [this.#pick(TAGS)], mode: 'any' },
      { kind: 'tags', tags: TAGS, mode: 'all' },
      { kind: 'namespace', namespace: 'n' },
      { kind: 'pattern', pattern: '[ab]', namespace },
      { kind: 'all' },
    ] as const);
  }

  #someTags(): string[] {
    return TAGS.filter(() => this.#random() < 0.4);
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }

  async #wait(): Promise<void> {
    for (let turns = Math.floor(this.#random() * 4); turns > 0; turns--) await nextTurn();
  }
}

function isHit(entry: Pick<StoredEntry, 'key' | 'namespace' | 'tags'>, target: InvalidationTarget): boolean {
  switch (target.kind) {
    case 'keys':
      return entry.namespace === target.namespace && target.keys.includes(entry.key);
    case 'tags':
      return target.mode === 'any'
        ? target.tags.some((tag) => entry.tags.includes(tag))
        : target.tags.every((tag) => entry.tags.includes(tag));
    case 'namespace':
      return entry.namespace === target.namespace;
    case 'pattern':
      return entry.namespace === target.namespace && entry.key !== 'c';
    default:
      return target.kind === 'all';
  }
}
