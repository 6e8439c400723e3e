import type { Timer } from '../../../core/ports/clock.port.js';
import { EMPTY_GROUP_MS, indexKeys } from '../entries/entry-writer.js';
import { LostMembers } from './lost-members.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, plain } from '../connection/command.js';
import { STRIKE } from '../protocol/group-scripts.js';
import { SweepPace } from './sweep-pace.js';
import { SweepLock } from './sweep-lock.js';

/** Interval between two sweeps. */
const SWEEP_EVERY_MS = 60_000;
/** Time without a sweep by any process after one: at least `leastMs`, and `times` the duration of a long sweep. */
const REST = { leastMs: 50_000, times: 10 };
/** Indexes per pipeline, and expired members that it strikes from each. Indexes with more are swept one by one. */
const TOGETHER = { indexes: 50, members: 20 };
/** Expired members per script when one index is swept. */
const STRUCK_PER_SCRIPT = 300;

type Pause = () => Promise<void>;

/**
 * Strikes the members of expired entries from the indexes. The server removes expired entries itself; their members are
 * otherwise removed only by the next write to the group. Only memory and counts depend on it, so it may stop at any
 * step. LostMembers finds the members of entries that are gone before they expire.
 */
export class IndexSweeper {
  readonly #lock: SweepLock;
  readonly #pace: SweepPace;
  readonly #lost: LostMembers;
  #timer: Timer | undefined;
  #isSweeping = false;
  #isClosed = false;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
    this.#lock = new SweepLock(context.keys.sweep, context);
    this.#pace = new SweepPace(context.clock, this.#lock);
    this.#lost = new LostMembers(context);
  }

  /** Sweeps each SWEEP_EVERY_MS until closed. */
  start(): void {
    this.#timer ??= this.#context.clock.schedule(SWEEP_EVERY_MS, () => {
      this.#timer = undefined;
      if (this.#isClosed) return;
      this.start();
      void this.sweep();
    });
  }

  /** Walks all indexes once, unless another process does so or has just done so. Never rejects. */
  async sweep(): Promise<void> {
    if (this.#isClosed || this.#isSweeping || !this.#context.link.isUp()) return;
    this.#isSweeping = true;
    try {
      if (!(await this.#lock.acquire())) return;
      await this.#sweepAll();
      void this.#lost.sample();
    } catch {
      // The link reports its own faults; the next sweep finds the rest.
    } finally {
      this.#isSweeping = false;
    }
  }

  /** Strikes all expired members from all indexes. Returns the number of entries. */
  async forgetExpired(isDryRun: boolean): Promise<number> {
    const { everything, indexPrefix } = this.#context.keys;
    const counts = await Promise.all(
      everything.map((part) => (isDryRun ? this.#countExpired(part) : this.#strikeAll(part))),
    );
    if (!isDryRun) for await (const names of this.#context.walk.names(indexPrefix, '')) await this.#strike(names);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#pace.close();
    this.#lost.close();
    if (this.#isSweeping) this.#lock.release();
  }

  async #sweepAll(): Promise<void> {
    const beganMs = this.#context.clock.nowMs();
    const pause = (): Promise<void> => this.#pace.pause();
    this.#pace.begin();
    let isAny = false;
    for await (const names of this.#context.walk.names(this.#context.keys.indexPrefix, '', pause)) {
      isAny = true;
      await this.#strike(names, pause);
    }
    if (isAny) this.#lock.expireIn(Math.max(REST.leastMs, REST.times * (this.#context.clock.nowMs() - beganMs)));
    else this.#lock.release();
  }

  async #strike(indexes: readonly string[], pause?: Pause): Promise<void> {
    const groups = indexes.map((index) => this.#context.keys.groupOfIndex(index));
    for (let i = 0; i < groups.length; i += TOGETHER.indexes) {
      const some = groups.slice(i, i + TOGETHER.indexes);
      const struck = await this.#askNumbers(
        some.map((group) => call(STRIKE, indexKeys(group), EMPTY_GROUP_MS, TOGETHER.members)),
      );
      await pause?.();
      for (const full of some.filter((_, j) => struck[j] === TOGETHER.members)) await this.#strikeAll(full, pause);
    }
  }

  async #strikeAll(group: Group, pause?: Pause): Promise<number> {
    let sum = 0;
    for (let isMore = true; isMore;) {
      const [struck = 0] = await this.#askNumbers([call(STRIKE, indexKeys(group), EMPTY_GROUP_MS, STRUCK_PER_SCRIPT)]);
      sum += struck;
      isMore = struck === STRUCK_PER_SCRIPT;
      await pause?.();
    }
    return sum;
  }

  async #countExpired({ index }: Group): Promise<number> {
    const [count = 0] = await this.#askNumbers([
      plain('ZCOUNT', index, '-inf', String(Math.floor(this.#context.link.time.nowMs()))),
    ]);
    return count;
  }

  async #askNumbers(commands: readonly Command[]): Promise<number[]> {
    return (await this.#context.ask(commands)) as number[];
  }
}
