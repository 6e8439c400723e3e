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
import { FailoverFilter, type WorkerBatch } from './failover-filter.js';
import { startTopology, type TopologyName } from './topology.js';

/*
 * One run. Several processes read and invalidate the same keys, each through its own cache (chaos.worker.mjs). Faults
 * follow one another in an order that the seed decides, and a few seconds without faults and writes end the run. The
 * batches of the processes are judged during the run. Nothing outlives a run: child processes end when the IPC channel
 * closes, and servers end with this process.
 */

export interface RunOptions {
  readonly topology: TopologyName;
  readonly backend: 'redis' | 'hybrid';
  readonly forMs: number;
  readonly seed: number;
  readonly processes?: number;
  /** Names of the faults to use. @default all faults of the topology */
  readonly faults?: readonly string[];
  /** Pause before each fault. @default mostly 1,500 to 2,500 ms, sometimes less than 500 ms */
  readonly restMs?: number;
  /** A design with one rule removed. The run ends when the checker finds it. */
  readonly mutant?: Mutant;
  /** True to put a Map in front of the cache, which misses all invalidations. */
  readonly isBehindAMap?: boolean;
  readonly onProgress?: (line: string) => void;
}

export interface Report {
  readonly options: RunOptions;
  readonly verdict: Verdict;
  readonly processes: readonly Done[];
  readonly healings: readonly Healing[];
  /** For each fault and process, the time until most reads were near hits again. */
  readonly nearAgain: readonly Recovery[];
  /** For each fault and process, the time until Redis answered and had every invalidation. */
  readonly upAgain: readonly Recovery[];
  readonly nearShare: number;
  readonly seconds: number;
}

const KEYS_PER_KIND = 12;
const READERS = 12;
const WRITE_PAUSE_MS = 40;
/** Time without faults and writes at the end: longer than any invalidation may be delayed. */
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
        blocksEventLoop: options.faults?.length !== 0,
      });
      ends.push(() => worker.end());
      return worker;
    });
    return await new Run(options, workers, faultsNamed(topology.faults, options.faults), random).run();
  } finally {
    for (const end of ends.reverse()) await end();
  }
}

function faultsNamed(faults: readonly Fault[], names: readonly string[] = faults.map(({ name }) => name)): Fault[] {
  return names.map((name) => {
    const fault = faults.find((each) => each.name === name);
    if (fault === undefined)
      throw new Error(`Expected a fault of ${faults.map((each) => each.name).join(', ')}, got ${name}.`);
    return fault;
  });
}

class Run {
  readonly #startedUs = nowUs();
  readonly #counts = new Map<string, number>();
  readonly #healings: Healing[] = [];
  readonly #samples: Sample[][];
  #checker = new Checker(0);
  #filter = new FailoverFilter(this.#checker);
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
    this.#filter = new FailoverFilter(this.#checker);
    this.workers.forEach((worker, process) => (worker.onBatch = (batch) => this.#add(process, batch)));
    for (const worker of this.workers) worker.send('go');
    await this.#runFaults();
    const calm = this.#all('calm');
    for (const worker of this.workers) worker.send('calm');
    await calm;
    this.#checker.calm(nowUs());
    if (!this.#isMutantFound()) await sleep(CALM_MS);
    const done = this.#all('done');
    for (const worker of this.workers) worker.send('stop');
    return this.#report((await done) as Done[]);
  }

  /**
   * Runs one fault after the other, until each has run once and the time is over. Sometimes the next fault begins
   * before the processes have recovered from the last one.
   */
  async #runFaults(): Promise<void> {
    const endUs = nowUs() + this.options.forMs * 1_000;
    const order = rounds(this.faults, this.random);
    let reportedUs = nowUs();
    for (;;) {
      await sleep(
        this.options.restMs ??
          (this.random() < 0.3 ? between(this.random, 0, 500) : between(this.random, 1_500, 2_500)),
      );
      if (this.#isMutantFound() || (nowUs() > endUs && this.#counts.size === this.faults.length)) return;
      const { value: fault } = order.next();
      if (fault === undefined) continue;
      this.#end(nowUs());
      const beganUs = nowUs();
      await fault.run(this.random, () => this.#beginFailover());
      this.#healings.push({ fault: fault.name, beganUs, healedUs: nowUs(), untilUs: Infinity });
      this.#counts.set(fault.name, (this.#counts.get(fault.name) ?? 0) + 1);
      if (nowUs() - reportedUs < PROGRESS_EVERY_MS * 1_000) continue;
      reportedUs = nowUs();
      this.options.onProgress?.(
        `${Math.round((reportedUs - this.#startedUs) / 1e6)} s, ${this.#healings.length} faults, ` +
          `${this.#reads} reads, ${this.#checker.staleSoFar}`,
      );
    }
  }

  #beginFailover(): () => void {
    const end = this.#filter.beginFailover(nowUs());
    return () => end(nowUs());
  }

  #isMutantFound(): boolean {
    return this.options.mutant !== undefined && this.#checker.isStale(maxAgeMsOf(this.options.backend));
  }

  #end(untilUs: number): void {
    const last = this.#healings.pop();
    if (last !== undefined) this.#healings.push({ ...last, untilUs });
  }

  #add(process: number, batch: WorkerBatch): void {
    this.#filter.add(process, batch, nowUs());
    this.#samples[process]!.push(...batch.samples);
    this.#reads += batch.reads.keys.length;
  }

  #all(type: string): Promise<unknown[]> {
    return Promise.all(this.workers.map((worker) => worker.received(type)));
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
    this.#filter.finish();
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

/** Reads the monotonic clock that all processes of the machine share. */
function nowUs(): number {
  return Number(process.hrtime.bigint()) / 1_000;
}
