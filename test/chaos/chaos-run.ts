import { setTimeout as sleep } from 'node:timers/promises';
import type { CacheKitOptions } from '../../src/cache-kit.options.js';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { startRedis } from '../support/redis-servers.js';
import { ChaosProcess, type Done } from './chaos-process.js';
import { Checker, type Verdict } from './checker.js';
import { between, type Fault, rounds } from './faults.js';
import { type Healing, isNear, isUp, type Recovery, recoveries, type Sample } from './recovery.js';
import type { Mutant } from './mutants.js';
import { maxAgeMsOf, MAX_STALENESS_MS, RECOVERED_WITHIN_MS } from './settings.js';
import { Telling, type Told } from './telling.js';
import { startTopology, type TopologyName } from './topology.js';

/*
 * One run: processes read and invalidate the same keys through caches of their own (chaos.worker.mjs), faults come one
 * after the other in an order that the seed says, then all is calm for some seconds. What the processes tell is judged
 * meanwhile. Nothing outlives a run, however it ends: processes end with the channel to this one, servers with this
 * one.
 */

export interface RunOptions {
  readonly topology: TopologyName;
  readonly backend: 'redis' | 'hybrid';
  readonly forMs: number;
  readonly seed: number;
  readonly processes?: number;
  /** Only these faults. @default all of the topology */
  readonly faults?: readonly string[];
  /** How long nothing happens before each fault. @default one or two seconds, and now and then hardly at all */
  readonly restMs?: number;
  /** A design with one rule taken out. It is run until that shows. */
  readonly mutant?: Mutant;
  /** Values are kept in front of the cache, too, where nothing is heard of invalidations. */
  readonly isBehindAMap?: boolean;
  readonly onProgress?: (line: string) => void;
}

export interface Report {
  readonly options: RunOptions;
  readonly verdict: Verdict;
  readonly processes: readonly Done[];
  readonly healings: readonly Healing[];
  /** After each fault, in each process: until most reads were near again. */
  readonly nearAgain: readonly Recovery[];
  /** The same, until Redis answered and had every invalidation. */
  readonly upAgain: readonly Recovery[];
  readonly nearShare: number;
  readonly seconds: number;
}

const KEYS_PER_KIND = 12;
const READERS = 12;
const WRITE_PAUSE_MS = 40;
/** How long all is calm in the end: longer than anything may be late. */
const CALM_MS = 5_000;
const PROGRESS_EVERY_MS = 30_000;

export async function chaosRun(options: RunOptions): Promise<Report> {
  const { processes = 3, seed, backend } = options;
  const random = randomFrom(seed);
  const ends: (() => unknown)[] = [];
  try {
    const database = await startRedis();
    ends.push(() => database.stop());
    const topology = await startTopology(options.topology, processes, random);
    ends.push(() => topology.stop());
    const workers = Array.from({ length: processes }, (_, process) => {
      const coherence =
        backend === 'hybrid' ? ({ coherence: 'tracking', maxStaleness: MAX_STALENESS_MS } as const) : {};
      const cacheOptions: CacheKitOptions = { backend, defaultTtl: '10m', redis: { ...topology.redis, ...coherence } };
      const worker = new ChaosProcess(options.mutant, {
        process,
        processes,
        options: cacheOptions,
        routes: topology.routesOf(process),
        database: database.url,
        keysPerKind: KEYS_PER_KIND,
        readers: READERS,
        writePauseMs: WRITE_PAUSE_MS,
        seed: seed * 31 + process,
        isBehindAMap: options.isBehindAMap,
        standsStill: options.faults?.length !== 0,
      });
      ends.push(() => worker.end());
      return worker;
    });
    return await new Run(options, workers, chosen(topology.faults, options.faults), random).run();
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

function chosen(faults: readonly Fault[], names: readonly string[] = faults.map(({ name }) => name)): Fault[] {
  return names.map((name) => {
    const fault = faults.find((each) => each.name === name);
    if (fault === undefined)
      throw new Error(`There is no fault ${name}; there are ${faults.map((each) => each.name).join(', ')}.`);
    return fault;
  });
}

class Run {
  readonly #startedUs = nowUs();
  readonly #counts = new Map<string, number>();
  readonly #healings: Healing[] = [];
  readonly #samples: Sample[][];
  #checker = new Checker(0);
  #telling = new Telling(this.#checker);
  #reads = 0;

  constructor(
    private readonly options: RunOptions,
    private readonly workers: readonly ChaosProcess[],
    private readonly faults: readonly Fault[],
    private readonly random: () => number,
  ) {
    this.#samples = workers.map(() => []);
  }

  async run(): Promise<Report> {
    const [{ names }] = (await this.#all('ready')) as [{ names: readonly string[] }];
    this.#checker = new Checker(this.workers.length, (key) => names[key] ?? String(key));
    this.#telling = new Telling(this.#checker);
    this.workers.forEach((worker, process) => (worker.onBatch = (batch) => this.#add(process, batch)));
    for (const worker of this.workers) worker.send('go');
    await this.#strike();
    const calm = this.#all('calm');
    for (const worker of this.workers) worker.send('calm');
    await calm;
    this.#checker.calm(nowUs());
    if (!this.#isFoundOut()) await sleep(CALM_MS);
    const done = this.#all('done');
    for (const worker of this.workers) worker.send('stop');
    return this.#report((await done) as Done[]);
  }

  /**
   * Fault after fault, until each came once and the time is over. Now and then the next one comes before the last one
   * is forgotten.
   */
  async #strike(): Promise<void> {
    const endUs = nowUs() + this.options.forMs * 1_000;
    const order = rounds(this.faults, this.random);
    let toldUs = nowUs();
    for (;;) {
      await sleep(
        this.options.restMs ??
          (this.random() < 0.3 ? between(this.random, 0, 500) : between(this.random, 1_500, 2_500)),
      );
      if (this.#isFoundOut() || (nowUs() > endUs && this.#counts.size === this.faults.length)) return;
      const { value: fault } = order.next();
      if (fault === undefined) continue;
      this.#end(nowUs());
      const beganUs = nowUs();
      await fault.run(this.random, () => this.#doubt());
      this.#healings.push({ fault: fault.name, beganUs, healedUs: nowUs(), untilUs: Infinity });
      this.#counts.set(fault.name, (this.#counts.get(fault.name) ?? 0) + 1);
      if (nowUs() - toldUs < PROGRESS_EVERY_MS * 1_000) continue;
      toldUs = nowUs();
      this.options.onProgress?.(
        `${Math.round((toldUs - this.#startedUs) / 1e6)} s, ${this.#healings.length} faults, ${this.#reads} reads, ${this.#checker.staleSoFar}`,
      );
    }
  }

  #doubt(): () => void {
    const settled = this.#telling.doubt(nowUs());
    return () => settled(nowUs());
  }

  #isFoundOut(): boolean {
    return this.options.mutant !== undefined && this.#checker.isStale(maxAgeMsOf(this.options.backend));
  }

  #end(untilUs: number): void {
    const last = this.#healings.pop();
    if (last !== undefined) this.#healings.push({ ...last, untilUs });
  }

  #add(process: number, batch: Told): void {
    this.#telling.add(process, batch, nowUs());
    this.#samples[process]!.push(...batch.samples);
    this.#reads += batch.reads.keys.length;
  }

  #all(type: string): Promise<unknown[]> {
    return Promise.all(this.workers.map((worker) => worker.said(type)));
  }

  #report(processes: readonly Done[]): Report {
    const last = this.#samples.map((samples) => samples.at(-1)!);
    const [hits, misses] = [1, 2].map((field) => last.reduce((sum, sample) => sum + sample[field]!, 0)) as [
      number,
      number,
    ];
    const after = (isGood: (sample: Sample, before: Sample) => boolean): Recovery[] =>
      this.#samples.flatMap((samples) =>
        recoveries(this.#healings, samples, isGood, RECOVERED_WITHIN_MS[this.options.topology]),
      );
    this.#telling.finish();
    return {
      options: this.options,
      verdict: this.#checker.finish(),
      processes,
      healings: this.#healings,
      nearAgain: this.options.backend === 'hybrid' ? after(isNear) : [],
      upAgain: after(isUp),
      nearShare: hits + misses === 0 ? 0 : hits / (hits + misses),
      seconds: (nowUs() - this.#startedUs) / 1e6,
    };
  }
}

/** The clock of the processes. */
function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}
