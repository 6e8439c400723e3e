import { RedisAdapter } from '../../src/adapters/redis/redis.adapter.js';
import { CacheReporter } from '../../src/core/observation/cache-reporter.js';
import { CacheService } from '../../src/core/cache.service.js';
import type { CacheError } from '../../src/core/vocabulary/cache.errors.js';
import { resolveCacheOptions } from '../../src/cache-kit.options.js';
import { createEntryCodec } from '../../src/core/values/codec.js';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { Actor } from './actor.js';
import { Faults } from './faults.js';
import { History } from './history.js';
import { SingleLoadCheck } from './single-load-check.js';
import { type Profile, profileOf, SeededNetwork } from './profile.js';
import { SimulatedRedis } from './simulated-redis.js';
import { SimulatedWire, type Tampering } from './simulated-wire.js';
import { KEYS, NAMESPACES } from './targets.js';
import { type Owner, ProcessClock, VirtualTime } from './virtual-time.js';

/*
 * The run of one seed: some processes with the real cache and the real adapter, the servers, the calls of the actors,
 * and the faults. After the faults comes a time without faults, in which every promise must hold.
 */

const PROCESSES = 3;
const ACTORS_PER_PROCESS = 2;
export const COMMAND_TIMEOUT_MS = 250;
/** Time after the last fault in which every call must end. */
const CALLS_END_WITHIN_MS = 60_000;
/** Time in which connections come back and queued invalidations are sent. */
const RECOVERED_AFTER_MS = 10_000;
/** Time in which everything expires: the longest TTL, epochs and generations, and two rounds of the trash sweeper. */
const EXPIRED_AFTER_MS = 150_000;
const CLOSED_AFTER_MS = 10_000;

const OPTIONS = resolveCacheOptions({
  backend: 'redis',
  redis: { url: 'redis://simulated:6379' },
  stats: false,
  defaultTtl: '10s',
});
const CODEC = createEntryCodec({});

/** One simulated process of the application. */
export interface Process extends Owner {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly wire: SimulatedWire;
  readonly cache: CacheService;
  /** Number of faults reported to `onError`. */
  errors: number;
}

/** A call under way. */
export interface Pending {
  readonly what: string;
  readonly process: Process;
}

/** Result of one seed. */
export interface Outcome {
  readonly seed: number;
  readonly violations: readonly string[];
  /** Number of checked answers, which proves that calls were made. */
  readonly hits: number;
  /** Number of acknowledged changes. */
  readonly floors: number;
  readonly slowestMs: ReadonlyMap<string, number>;
}

export class World {
  readonly time = new VirtualTime();
  readonly history = new History();
  readonly servers: SimulatedRedis[];
  readonly processes: Process[] = [];
  readonly pending = new Set<Pending>();
  readonly profile: Profile;
  readonly network: SeededNetwork;
  readonly loads: SingleLoadCheck;
  readonly slowestMs = new Map<string, number>();
  hits = 0;
  floors = 0;
  #processes = 0;

  constructor(
    readonly seed: number,
    private readonly tampering: Tampering = {},
    readonly log?: (line: string) => void,
    bias: Partial<Profile> = {},
    readonly random = randomFrom(seed),
  ) {
    this.profile = { ...profileOf(random), ...bias };
    this.network = new SeededNetwork(this.profile, random);
    this.loads = new SingleLoadCheck(this.history, this.profile.isClean);
    const names = this.profile.isCluster ? ['a', 'b', 'c'] : ['master'];
    this.servers = names.map((name) => new SimulatedRedis(name, this.time));
  }

  async run(): Promise<Outcome> {
    for (let i = 0; i < PROCESSES; i++) this.start();
    await this.time.runUntil(this.time.nowMs + 100);
    for (const process of this.processes) this.startActors(process);
    const faults = new Faults(this);
    await this.time.runUntil(this.time.nowMs + CALLS_END_WITHIN_MS, () => this.pending.size === 0 && faults.areOver());
    faults.heal();
    await this.#expectAnswers();
    await this.time.runUntil(this.time.nowMs + RECOVERED_AFTER_MS);
    await this.#expectFresh();
    await this.#expectNothingLeft();
    return {
      seed: this.seed,
      violations: this.history.violations,
      hits: this.hits,
      floors: this.floors,
      slowestMs: this.slowestMs,
    };
  }

  /** Starts a new process with an empty state. */
  start(): Process {
    const owner = { frozenUntilMs: 0, isDead: false, errors: 0, name: `p${++this.#processes}` };
    const clock = new ProcessClock(this.time, owner, Math.floor(this.random() * 900));
    clock.skewMs = Math.floor((this.random() - 0.5) * 20_000);
    const prefix = owner.name;
    const log = this.log && ((line: string): void => this.trace(() => `${prefix}  ${line}`));
    const wire = new SimulatedWire({
      time: this.time,
      process: owner,
      servers: this.servers,
      network: this.network,
      tampering: this.tampering,
      log,
    });
    const process = owner as unknown as Process;
    const onError = (error: CacheError): void => {
      process.errors++;
      this.trace(() => `${prefix} ! ${error.message}`);
    };
    const reporter = new CacheReporter({ name: 'default', clock, hasStats: false, onError });
    const context = {
      name: 'default',
      version: undefined,
      clock,
      onEvict: () => undefined,
      onNotice: () => undefined,
      onError: (error: unknown) => void reporter.fault(error, 'keep the store in order'),
    };
    const adapter = new RedisAdapter(
      wire,
      { keyPrefix: 'k', version: undefined, codec: CODEC, commandTimeoutMs: COMMAND_TIMEOUT_MS },
      context,
    );
    Object.assign(process, { clock, wire, cache: new CacheService({ options: OPTIONS, adapter, clock, reporter }) });
    this.processes.push(process);
    return process;
  }

  startActors(process: Process): void {
    for (let i = 0; i < ACTORS_PER_PROCESS; i++) void new Actor(this, process).act();
  }

  /** Kills a process at once. Commands sent before can still arrive. */
  kill(process: Process): void {
    process.isDead = true;
    process.wire.die();
    this.processes.splice(this.processes.indexOf(process), 1);
    for (const pending of this.pending) if (pending.process === process) this.pending.delete(pending);
  }

  trace(line: () => string): void {
    this.log?.(`${this.time.nowMs.toFixed(2).padStart(9)} ${line()}`);
  }

  async #expectAnswers(): Promise<void> {
    await this.time.runUntil(this.time.nowMs + CALLS_END_WITHIN_MS, () => this.pending.size === 0);
    for (const { what, process } of this.pending)
      this.history.violations.push(`${process.name}: ${what} was never answered`);
  }

  async #expectFresh(): Promise<void> {
    this.history.settle(new Set(this.processes.map(({ name }) => name)));
    for (const process of this.processes) {
      for (const namespace of NAMESPACES) for (const key of KEYS) void new Actor(this, process).get(key, namespace);
    }
    await this.#expectAnswers();
  }

  async #expectNothingLeft(): Promise<void> {
    await this.time.runUntil(this.time.nowMs + EXPIRED_AFTER_MS);
    for (const server of this.servers)
      for (const name of server.store.names()) this.history.violations.push(`${name} is left in Redis`);
    for (const process of this.processes) void process.cache.close();
    await this.time.runUntil(this.time.nowMs + CLOSED_AFTER_MS);
    for (const process of this.processes) {
      const timers = this.time.pendingOf(process);
      if (timers > 0) this.history.violations.push(`${process.name}: ${timers} timers are left after closing`);
    }
  }
}
