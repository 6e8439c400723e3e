import type { CacheAdapter, InvalidationTarget, LoadRequest } from '../../src/core/ports/cache-adapter.port.js';
import type { Clock } from '../../src/core/ports/clock.port.js';
import { HybridAdapter } from '../../src/adapters/hybrid/hybrid.adapter.js';
import { MemoryAdapter } from '../../src/adapters/memory/memory.adapter.js';
import { ChangeAnnouncer, type Silence } from '../../src/adapters/redis/connection/change-announcer.js';
import { namesIn } from '../../src/adapters/redis/connection/change-messages.js';
import type {
  ChangeFeed,
  CoherenceWire,
  ChangeListener,
  ChangeHandlers,
} from '../../src/adapters/redis/connection/coherence-wire.port.js';
import { RedisCoherence } from '../../src/adapters/redis/redis-coherence.js';
import { RedisKeys } from '../../src/adapters/redis/protocol/redis-keys.js';
import { call, type Command, type Reply } from '../../src/adapters/redis/connection/command.js';
import { REMOVE } from '../../src/adapters/redis/protocol/entry-scripts.js';
import type { CoherenceMode } from '../../src/adapters/redis/options/redis-options.js';
import { draftOf } from '../../src/testing/adapter-fixture.js';
import { randomFrom } from '../../src/testing/seeded-random.js';
import { SimulatedStore } from './simulated-store.js';
import { TWINS } from './script-twins.js';
import { ProcessClock, VirtualTime } from './virtual-time.js';

/*
 * Several processes with near copies of one store, in virtual time. Real: the hybrid adapter, the memory adapter as
 * near tier, and `RedisCoherence`, which decides when a copy may be served. Simulated: the store, which announces every
 * change on one connection per process, and the network, which delays, swallows and cuts. Processes freeze from time to
 * time.
 *
 * In a mixed scenario each process has its own coherence mode. The server sometimes refuses this mode, sometimes
 * refuses to publish, and evicts the keys by which processes know of each other.
 *
 * A key holds the version of the database at the begin of its load. A writer increments the version, invalidates, and
 * records the time of the acknowledgement. The age of a read is the time from the first acknowledgement of a newer
 * version to the begin of the read.
 */

export const MAX_STALENESS_MS = 200;
const KEYS = ['a', 'b', 'c'];
const LOAD: LoadRequest = { purpose: 'load', exclusive: false, tags: [], computesTags: true };

/** Removes one rule from the design. */
export type Mutant = (parts: { coherence: RedisCoherence; near: MemoryAdapter; wire: CoherenceWire }) => void;

export interface Scenario {
  readonly forMs: number;
  readonly isMixed: boolean;
}

const UNIFORM: Scenario = { forMs: 4_000, isMixed: false };
export const MIXED: Scenario = { forMs: 12_000, isMixed: true };
const MODES: readonly CoherenceMode[] = ['tracking', 'tracking', 'bus', 'bus', 'ttl'];
const REFUSAL = 'NOPERM this user has no permissions';

export interface Verdict {
  readonly reads: number;
  readonly nearHits: number;
  /** Age of the oldest answer after an invalidation by the same process. */
  readonly oldestOwnMs: number;
  /** Age of the oldest answer after an invalidation by another process. */
  readonly oldestOthersMs: number;
  /** Number of stale answers after all faults and writes. */
  readonly staleAtEnd: number;
}

const names = new RedisKeys({ keyPrefix: 'sim', name: 'near', version: undefined, parts: 1 });

function namesOf(target: InvalidationTarget): string[] {
  if (target.kind === 'keys') return target.keys.map((key) => names.entry(key, target.namespace));
  if (target.kind === 'tags') return target.tags.map((tag) => names.tag(tag).key);
  return [(names.everything[0] as { key: string }).key];
}

class World {
  readonly time = new VirtualTime();
  readonly random: () => number;
  readonly server = { frozenUntilMs: 0, isDead: false };
  readonly store: MemoryAdapter;
  /** Keys that the beats write on the server. */
  readonly roll = new SimulatedStore(() => Math.floor(this.time.nowMs));
  readonly processes: Process[] = [];
  readonly versions = new Map(KEYS.map((key) => [key, 0]));
  /** All acknowledgements, in their order. */
  readonly acknowledged: {
    readonly key: string;
    readonly version: number;
    readonly atMs: number;
    readonly by: Process;
  }[] = [];
  readonly verdict = { reads: 0, nearHits: 0, oldestOwnMs: 0, oldestOthersMs: 0, staleAtEnd: 0 };

  constructor(
    readonly seed: number,
    readonly scenario: Scenario,
    mutant: Mutant | undefined,
  ) {
    this.random = randomFrom(seed);
    this.store = memory(new ProcessClock(this.time, this.server, 0));
    for (let i = 0; i < 3; i++) this.processes.push(new Process(this, mutant));
  }

  between(min: number, max: number): number {
    return min + this.random() * (max - min);
  }

  /** Announces changed names, or publishes a message, on every connection that listens to this kind. */
  announce(kind: ChangeFeed['kind'], names: readonly string[]): void {
    for (const process of this.processes) {
      for (const listener of process.listeners)
        if (listener.feed.kind === kind) listener.send((handlers) => handlers.onNames(names));
    }
  }

  async run(): Promise<Verdict> {
    const endMs = this.time.nowMs + this.scenario.forMs;
    for (const process of this.processes) process.start(endMs);
    await this.time.runUntil(endMs + 1_000);
    for (const process of this.processes) process.heal();
    await this.time.runUntil(endMs + 4_000);
    for (const process of this.processes) for (const key of KEYS) process.read(key, () => this.verdict.staleAtEnd++);
    await this.time.runUntil(endMs + 5_000);
    return this.verdict;
  }
}

/** One process: its calls, its faults, and its connections. */
class Process {
  readonly owner = { frozenUntilMs: 0, isDead: false };
  readonly clock: Clock;
  readonly adapter: HybridAdapter;
  readonly listeners = new Set<SimulatedListener>();
  /** Rights of its user on the server. */
  readonly rights = { tracking: true, publish: true };
  #announcer: ChangeAnnouncer | undefined;
  /** End of the time in which no message passes, in either direction. */
  swallowedUntilMs = 0;

  constructor(
    readonly world: World,
    mutant: Mutant | undefined,
  ) {
    this.clock = new ProcessClock(world.time, this.owner, world.between(0, 500));
    const mode = world.scenario.isMixed
      ? (MODES[Math.floor(world.random() * MODES.length)] as CoherenceMode)
      : 'tracking';
    const wire = this.#wire();
    const coherence = new RedisCoherence(wire, {
      mode,
      maxStalenessMs: MAX_STALENESS_MS,
      keys: names,
      clock: this.clock,
      onNotice: () => undefined,
    });
    const near = memory(this.clock);
    mutant?.({ coherence, near, wire });
    coherence.start();
    this.adapter = new HybridAdapter({ near, far: this.#far(), coherence, clock: this.clock });
  }

  start(endMs: number): void {
    const { world } = this;
    const repeat = (minMs: number, maxMs: number, act: () => void): void => {
      const next = (): void => {
        if (world.time.nowMs > endMs) return;
        act();
        world.time.at(world.time.nowMs + world.between(minMs, maxMs), this.owner, next);
      };
      world.time.at(world.time.nowMs + world.between(0, maxMs), this.owner, next);
    };
    const key = (): string => KEYS[Math.floor(world.random() * KEYS.length)] as string;
    for (let i = 0; i < 3; i++) repeat(1, 12, () => this.read(key()));
    repeat(20, 150, () => void this.#write(key()));
    repeat(50, 600, () => this.#injectFault());
    if (world.scenario.isMixed) repeat(500, 3_000, () => this.#injectCoherenceFault());
  }

  /** Reads a key, or loads it after a miss, and judges the version. Calls `onStale` for a stale answer. */
  read(key: string, onStale?: () => void): void {
    const startMs = this.world.time.nowMs;
    const judge = (version: number): void => this.#judge(key, version, startMs, onStale);
    const found = this.adapter.get(key, undefined);
    if (found instanceof Promise)
      void found.then(
        (entry) => (entry === undefined ? this.#load(key, judge) : judge(entry.read() as number)),
        () => undefined,
      );
    else if (found !== undefined) {
      this.world.verdict.nearHits++;
      judge(found.read() as number);
    }
  }

  heal(): void {
    this.swallowedUntilMs = 0;
    Object.assign(this.rights, { tracking: true, publish: true });
  }

  /** Arrival time of a message that is sent now. Swallowed packets are sent again when the fault is over. */
  arrivalMs(): number {
    return (
      Math.max(this.world.time.nowMs, this.swallowedUntilMs) +
      this.world.between(0.2, this.world.random() < 0.1 ? 40 : 3)
    );
  }

  async #load(key: string, judge: (version: number) => void): Promise<void> {
    try {
      const grant = await this.adapter.begin([key], undefined, LOAD);
      const [ticket] = grant.tickets;
      if (ticket?.state === 'found') {
        judge(ticket.entry.read() as number);
        return;
      }
      const version = this.world.versions.get(key) as number;
      await new Promise<void>((resolve) => this.clock.schedule(this.world.between(0, 20), resolve));
      await grant.commit([draftOf(key, { value: version, tags: [`tag ${key}`] })]);
    } catch {
      // The connection was cut. The next reader loads.
    }
  }

  async #write(key: string): Promise<void> {
    const { world } = this;
    const version = (world.versions.get(key) as number) + 1;
    world.versions.set(key, version);
    const target = this.#target(key);
    for (;;) {
      try {
        await this.adapter.invalidate(target);
        world.acknowledged.push({ key, version, atMs: world.time.nowMs, by: this });
        return;
      } catch {
        await new Promise<void>((resolve) => this.clock.schedule(20, resolve));
      }
    }
  }

  #target(key: string): InvalidationTarget {
    const choice = this.world.random();
    if (choice < 0.45) return { kind: 'keys', keys: [key], namespace: undefined };
    return choice < 0.9 ? { kind: 'tags', tags: [`tag ${key}`], mode: 'any' } : { kind: 'all' };
  }

  #injectFault(): void {
    const { world } = this;
    const choice = world.random();
    if (choice < 0.3) for (const listener of this.listeners) listener.cut();
    else if (choice < 0.55) this.swallowedUntilMs = world.time.nowMs + world.between(20, 900);
    else if (choice < 0.8) this.owner.frozenUntilMs = world.time.nowMs + world.between(20, 500);
  }

  /** Injects faults that matter only when processes rely on each other's beats and messages. */
  #injectCoherenceFault(): void {
    const { world } = this;
    const choice = world.random();
    if (choice < 0.3) this.rights.tracking = !this.rights.tracking;
    else if (choice < 0.5) this.rights.publish = !this.rights.publish;
    else if (choice < 0.6) world.roll.evict(names.roll[Math.floor(world.random() * names.roll.length)] as string);
    else if (choice < 0.75) this.swallowedUntilMs = world.time.nowMs + world.between(1_000, 3_000);
    else if (choice < 0.85) this.owner.frozenUntilMs = world.time.nowMs + world.between(1_000, 3_000);
    if (choice < 0.3) for (const listener of this.listeners) listener.cut();
  }

  #judge(key: string, version: number, startMs: number, onStale: (() => void) | undefined): void {
    const { acknowledged, verdict } = this.world;
    verdict.reads++;
    for (const ack of acknowledged) {
      if (ack.key !== key || ack.version <= version || ack.atMs >= startMs) continue;
      const which = ack.by === this ? 'oldestOwnMs' : 'oldestOthersMs';
      verdict[which] = Math.max(verdict[which], startMs - ack.atMs);
      onStale?.();
    }
  }

  #far(): CacheAdapter {
    const { store } = this.world;
    return {
      kind: 'far',
      get: (...args) => this.#call(() => store.get(...args)),
      getMany: (...args) => this.#call(() => store.getMany(...args)),
      begin: async (keys, namespace, request) => {
        const grant = await this.#call(() => store.begin(keys, namespace, request));
        const change: InvalidationTarget = { kind: 'keys', keys, namespace };
        return {
          tickets: grant.tickets,
          commit: (drafts) => this.#call(() => grant.commit(drafts), change),
          release: () => grant.release(),
        };
      },
      set: (drafts, namespace) =>
        this.#call(() => store.set(drafts, namespace), { kind: 'keys', keys: drafts.map(({ key }) => key), namespace }),
      invalidate: (target, how) => this.#call(() => store.invalidate(target, how), target),
      scan: (query) => store.scan(query),
      usage: () => store.usage(),
      close: () => undefined,
    };
  }

  /** Sends a call to the store, which runs it when it arrives. */
  async #call<T>(act: () => T, change?: InvalidationTarget): Promise<T> {
    if (change === undefined || this.#announcer === undefined) return this.#roundTrip(act);
    let answer: T | undefined;
    const send = (sent: readonly Command[]): Promise<readonly Reply[]> =>
      this.#roundTrip(() =>
        sent.map((command, i) => {
          if (command.name === 'PUBLISH') return this.#publish(command);
          if (i === 0) answer = act();
          if (i === 0) this.world.announce('tracking', namesOf(change));
          return 1;
        }),
      );
    const commands = namesOf(change).map((name) => call(REMOVE, [name], ''));
    const replies = await this.#announcer.run(commands, {
      channels: () => [names.bus],
      isSharded: false,
      isOrdered: true,
      send,
    });
    const failure = replies.find((reply) => reply instanceof Error);
    if (failure !== undefined) throw failure;
    return answer as T;
  }

  #publish({ args: [message] }: Command): Reply {
    if (!this.rights.publish) return new Error(REFUSAL);
    this.world.announce('bus', namesIn(String(message)) ?? []);
    return 1;
  }

  /** Runs `act` on the server, after the time of a request, and answers after the time of a reply. */
  #roundTrip<T>(act: () => T): Promise<T> {
    const { time, server } = this.world;
    return new Promise((resolve, reject) => {
      time.at(this.arrivalMs(), server, () => {
        const answer = act();
        const isCut = this.world.random() < 0.03;
        time.at(this.arrivalMs(), this.owner, () =>
          isCut ? reject(new Error('The connection was cut.')) : resolve(answer),
        );
      });
    });
  }

  async #beat({ keys, args }: Command): Promise<Reply> {
    const { roll } = this.world;
    const answer = await this.#roundTrip(() => {
      roll.hasWritten = false;
      return TWINS['beat']?.({ store: roll, keys, args: args.map(String), publish: () => undefined });
    });
    return (answer as readonly string[]).map((id) => Buffer.from(id));
  }

  #wire(): CoherenceWire {
    return {
      isCluster: false,
      masters: () => ['master'],
      nameOn: (_master, prefix) => prefix,
      watchTopology: () => undefined,
      isServedBy: () => true,
      areInPlace: () => Promise.resolve(true),
      announceChanges: (_prefix: string, silence: Silence) => void (this.#announcer = new ChangeAnnouncer(silence)),
      mayAnnounce: () => this.#roundTrip(() => this.rights.publish).catch(() => undefined),
      run: (commands) =>
        Promise.all(commands.map((command) => this.#beat(command).catch((error: unknown) => error as Error))),
      openListener: (_master: string, feed: ChangeFeed, _clock: Clock, handlers: ChangeHandlers) => {
        const listener = new SimulatedListener(this, feed, handlers);
        this.listeners.add(listener);
        return listener;
      },
    };
  }
}

/** The connection on which a process listens. Messages arrive in order, or not at all. */
class SimulatedListener implements ChangeListener {
  provenMs = -Infinity;
  isOpen = false;
  readonly serverId = undefined;
  /** Number of the current connection, which identifies messages of earlier ones. */
  #connection = 0;
  #isListenedTo = false;
  #lastArrivalMs = 0;

  constructor(
    private readonly process: Process,
    readonly feed: ChangeFeed,
    private readonly handlers: ChangeHandlers,
  ) {
    this.#connect();
  }

  /** Sends a message from the server. */
  send(hear: (handlers: ChangeHandlers) => void): void {
    if (!this.#isListenedTo) return;
    const connection = this.#connection;
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.process.arrivalMs());
    this.process.world.time.at(this.#lastArrivalMs, this.process.owner, () => {
      if (connection === this.#connection) hear(this.handlers);
    });
  }

  beat(): void {
    if (!this.isOpen) return;
    const sentMs = this.process.clock.nowMs();
    const connection = this.#connection;
    this.process.world.time.at(this.process.arrivalMs(), this.process.world.server, () => {
      if (connection !== this.#connection) return;
      this.send(() => {
        this.provenMs = Math.max(this.provenMs, sentMs);
        this.handlers.onProof();
      });
    });
  }

  /** Ends the connection on the server now. The process notices it later. */
  cut(): void {
    if (!this.isOpen) return;
    this.#isListenedTo = false;
    const connection = this.#connection;
    this.process.world.time.at(
      this.process.arrivalMs() + this.process.world.between(0, 400),
      this.process.owner,
      () => {
        if (connection === this.#connection) this.restart();
      },
    );
  }

  restart(): void {
    this.#connection++;
    this.#isListenedTo = false;
    this.provenMs = -Infinity;
    if (this.isOpen) {
      this.isOpen = false;
      this.handlers.onLost();
    }
    this.process.world.time.at(this.process.arrivalMs() + 10, this.process.owner, () => this.#connect());
  }

  close(): Promise<void> {
    this.#connection++;
    this.#isListenedTo = false;
    this.process.listeners.delete(this);
    return Promise.resolve();
  }

  #connect(): void {
    const connection = ++this.#connection;
    const { world, owner } = this.process;
    world.time.at(this.process.arrivalMs(), world.server, () => {
      if (connection !== this.#connection) return;
      if (this.feed.kind === 'tracking' && !this.process.rights.tracking) return this.#refuse(connection);
      this.#isListenedTo = true;
      this.#lastArrivalMs = Math.max(this.#lastArrivalMs, this.process.arrivalMs());
      world.time.at(this.#lastArrivalMs, owner, () => {
        if (connection !== this.#connection) return;
        this.isOpen = true;
        this.handlers.onOpen();
        this.beat();
      });
    });
  }

  #refuse(connection: number): void {
    this.process.world.time.at(this.process.arrivalMs(), this.process.owner, () => {
      if (connection === this.#connection) this.handlers.onRefused(new Error(REFUSAL));
    });
  }
}

function memory(clock: Clock): MemoryAdapter {
  return new MemoryAdapter(
    { maxEntries: 100, maxBytes: 1024 ** 2, policy: 'lru', isolation: 'none' },
    {
      name: 'near',
      version: undefined,
      clock,
      onEvict: () => undefined,
      onError: () => undefined,
      onNotice: () => undefined,
    },
  );
}

export function simulate(seed: number, mutant?: Mutant, scenario = UNIFORM): Promise<Verdict> {
  return new World(seed, scenario, mutant).run();
}
