import { RedisAdapter } from '../../src/adapters/redis/redis.adapter.js';
import type { Command } from '../../src/adapters/redis/connection/command.js';
import { CacheReporter } from '../../src/core/observation/cache-reporter.js';
import { CacheService } from '../../src/core/cache.service.js';
import { resolveCacheOptions } from '../../src/cache-kit.options.js';
import { createEntryCodec } from '../../src/core/values/codec.js';
import { SimulatedRedis } from './simulated-redis.js';
import { type Network, SimulatedWire } from './simulated-wire.js';
import { type Owner, ProcessClock, VirtualTime } from './virtual-time.js';

/** A network without faults; every message takes 0.1 ms. */
const NETWORK: Network = {
  latencyMs: () => 0.1,
  gapMs: () => 0,
  fate: () => 'delivered',
  isWakeLost: () => false,
  awayMs: () => 0,
  isLostByDrop: () => false,
};
const OPTIONS = resolveCacheOptions({ backend: 'redis', redis: { url: 'redis://simulated:6379' }, stats: false });

interface WorldOptions {
  readonly servers: number;
  readonly processes: number;
  /** Called before a command is sent, with the index of its process. */
  onSend?(command: Command, process: number): void;
}

/** Processes with the real adapter on simulated servers in virtual time. Only the events of the test happen. */
export class FaultlessWorld {
  readonly time = new VirtualTime();
  readonly servers: readonly SimulatedRedis[];
  readonly caches: readonly CacheService[];
  readonly errors: unknown[] = [];
  readonly #owners: Owner[] = [];

  constructor(private readonly options: WorldOptions) {
    this.servers = Array.from({ length: options.servers }, (_, i) => new SimulatedRedis(`server-${i}`, this.time));
    this.caches = Array.from({ length: options.processes }, (_, i) => this.#start(i));
  }

  async pass(ms: number): Promise<void> {
    await this.time.runUntil(this.time.nowMs + ms);
  }

  /** Passes time until `call` settles, and returns its result. */
  async done<T>(call: Promise<T>): Promise<T> {
    let isOver = false;
    const end = (): void => void (isOver = true);
    call.then(end, end);
    await this.time.runUntil(this.time.nowMs + 60_000, () => isOver);
    return call;
  }

  /** Members of the index (`i`), or of the index by creation (`c`), of a group such as `{tag:t}`. */
  members(group: string, kind: 'i' | 'c' = 'i'): string[] {
    const name = `k:default:${kind}:${group}`;
    return this.servers.flatMap(({ store }) =>
      store.type(name) === 'zset' ? store.zmembers(name).map(([member]) => member) : [],
    );
  }

  names(): string[] {
    return this.servers.flatMap(({ store }) => store.names());
  }

  timersOf(process: number): number {
    return this.time.pendingOf(this.#owners[process] as Owner);
  }

  #start(index: number): CacheService {
    const owner: Owner = { frozenUntilMs: 0, isDead: false };
    this.#owners.push(owner);
    const clock = new ProcessClock(this.time, owner, index);
    const rewrite = (command: Command): Command => {
      this.options.onSend?.(command, index);
      return command;
    };
    const wire = new SimulatedWire({
      time: this.time,
      process: owner,
      servers: this.servers,
      network: NETWORK,
      tampering: { rewrite },
      log: undefined,
    });
    const onError = (error: unknown): void => void this.errors.push(error);
    const context = {
      name: 'default',
      version: undefined,
      clock,
      onEvict: () => undefined,
      onNotice: () => undefined,
      onError,
    };
    const adapter = new RedisAdapter(
      wire,
      { keyPrefix: 'k', version: undefined, codec: createEntryCodec({}), commandTimeoutMs: 250 },
      context,
    );
    return new CacheService({
      options: OPTIONS,
      adapter,
      clock,
      reporter: new CacheReporter({ name: 'default', clock, hasStats: false, onError }),
    });
  }
}
