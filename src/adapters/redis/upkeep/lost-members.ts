import type { IndexPage, ScoredMember } from '../entries/entry-walk.js';
import { EMPTY_GROUP_MS, indexKeys, type Prepared } from '../entries/entry-writer.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, plain, type Reply } from '../connection/command.js';
import { PRESENT, STRIKE_LOST } from '../protocol/group-scripts.js';
import { SweepPace } from './sweep-pace.js';
import { SweepLock } from './sweep-lock.js';

/** Entries that a process stores between two samples. To store them costs far more than a sample. */
const STORED_PER_SAMPLE = 2_000;
/** Members per index in a sample, and indexes in it besides the one of everything. */
const SAMPLE = { members: 100, indexes: 8 };
/** Lost members of one index, as a share and as a number, above which a walk follows. A few have other causes. */
const MANY = { share: 0.1, members: 5 };
/** Members per step, in one index or in several. */
const PER_STEP = 1_000;
/** Members per script. */
const PER_SCRIPT = 250;
/** Least time between two walks. */
const REST_MS = 1_000;

/** The position of a walk in an index. */
interface Position {
  readonly group: Group;
  readonly cursor: string;
}

/**
 * Strikes members whose entries were evicted. The server does not report evictions, so each process takes samples: a
 * page of an index has no order, so it is a fair sample. All indexes are walked only when many members of a sample are
 * lost; a server that evicts nothing has to answer for these pages only.
 *
 * Nothing here reads an entry: the server would count that as use and evict other entries instead. A member is struck
 * only while it still has the expiry time that was read before its entry was missed, because storing the entry again
 * changes that time. Only memory and counts depend on this class, so it may stop at any step, and two processes may run
 * it at the same time.
 */
export class LostMembers {
  readonly #lock: SweepLock;
  readonly #pace: SweepPace;
  #untilSample = STORED_PER_SAMPLE;
  /** True when a sample is due and has to wait for the running walk. */
  #isDue = false;
  /** Groups with recent writes. The index of everything is not enough: it may have been evicted itself. */
  #recent: readonly Group[] = [];
  #nextPart = 0;
  #isAtWork = false;
  #isClosed = false;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
    this.#lock = new SweepLock(context.keys.lostSweep, context);
    this.#pace = new SweepPace(context.clock, this.#lock);
    context.writer.listen((entries) => this.#count(entries));
  }

  /** Strikes the members of lost entries if a sample shows many, unless another process does so. Never rejects. */
  async sample(): Promise<void> {
    if (this.#isClosed || this.#isAtWork || !this.#context.link.isUp()) return;
    this.#isAtWork = true;
    try {
      if ((await this.#areManyLost()) && (await this.#lock.acquire())) await this.#walk();
    } catch {
      // The link reports its own faults; the next walk finds the rest.
    } finally {
      this.#isAtWork = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#pace.close();
  }

  #count(stored: readonly Prepared[]): void {
    this.#untilSample -= stored.length;
    if (this.#untilSample > 0) return;
    this.#untilSample = STORED_PER_SAMPLE;
    this.#recent = stored.at(-1)?.groups.slice(0, SAMPLE.indexes) ?? [];
    this.#isDue = true;
    void this.sample();
  }

  /** Samples the parts of everything in turn: the entries of each part are on all servers. */
  async #areManyLost(): Promise<boolean> {
    this.#isDue = false;
    const { everything } = this.#context.keys;
    const part = everything[this.#nextPart++ % everything.length] as Group;
    const positions = [...new Set([part, ...this.#recent])].map(({ index }) => ({ index, cursor: '0' }));
    const pages = await this.#context.walk.pages(positions, SAMPLE.members);
    const lost = await this.#lostOf(pages);
    return lost.some(
      ({ length }, i) => length > Math.max(MANY.members, MANY.share * (pages[i] as IndexPage).scored.length),
    );
  }

  /** Walks the indexes with recent writes first, and again when a sample is due while it searches for the others. */
  async #walk(): Promise<void> {
    const { keys, walk, clock } = this.#context;
    const beganMs = clock.nowMs();
    const busy = new Set([...keys.everything, ...this.#recent]);
    const isBusy = new Set([...busy].map(({ index }) => index));
    const rest = async (): Promise<void> => {
      await this.#pace.pause();
      if (this.#isDue && (await this.#areManyLost())) await this.#strikeIn([...busy]);
    };
    this.#pace.begin();
    try {
      await this.#strikeIn([...busy]);
      for await (const indexes of walk.names(keys.indexPrefix, '', rest)) {
        await this.#strikeIn(indexes.filter((index) => !isBusy.has(index)).map((index) => keys.groupOfIndex(index)));
      }
    } finally {
      if (this.#isClosed) this.#lock.release();
      else this.#lock.expireIn(Math.max(REST_MS, clock.nowMs() - beganMs));
    }
  }

  async #strikeIn(groups: readonly Group[]): Promise<void> {
    if (groups.length === 0) return;
    const sizes = await this.#context.walk.sizes(groups.map(({ index }) => index));
    for (const some of batches(groups, sizes)) {
      let positions: Position[] = some.map((group) => ({ group, cursor: '0' }));
      while (positions.length > 0) {
        positions = await this.#step(positions);
        await this.#pace.pause();
      }
    }
  }

  /** Strikes lost members from one page of each index. Returns the next positions. */
  async #step(positions: readonly Position[]): Promise<Position[]> {
    const { walk, link } = this.#context;
    const pages = await walk.pages(
      positions.map(({ group: { index }, cursor }) => ({ index, cursor })),
      PER_STEP,
    );
    const lost = await this.#lostOf(pages);
    const strikes = positions.flatMap(({ group }, i) =>
      chunks(lost[i] as ScoredMember[]).map((some) =>
        call(STRIKE_LOST, indexKeys(group), EMPTY_GROUP_MS, ...some.flat()),
      ),
    );
    if (strikes.length > 0) link.post(strikes);
    return positions
      .map(({ group }, i) => ({ group, cursor: (pages[i] as IndexPage).cursor }))
      .filter(({ cursor }) => cursor !== '0');
  }

  /** Returns the members of each page that have no entry. */
  async #lostOf(pages: readonly IndexPage[]): Promise<ScoredMember[][]> {
    const { keys, isCluster } = this.#context;
    const asked = [...new Set(pages.flatMap(({ scored }) => scored.map(([member]) => member)))];
    const names = asked.map((member) => keys.entryPrefix + member);
    // In a cluster each entry is in its own slot, and a script takes keys of one slot only.
    const commands = isCluster
      ? names.map((name) => plain('EXISTS', name))
      : chunks(names).map((some) => call(PRESENT, some));
    const replies = commands.length === 0 ? [] : await this.#context.run(commands);
    const present = replies.flatMap((reply, i) => digitsIn(reply, commands[i] as Command));
    const lost = new Set(asked.filter((_, i) => present[i] === '0'));
    return pages.map(({ scored }) => scored.filter(([member]) => lost.has(member)));
  }
}

/** Returns a digit for each key: '0' when it is missing. After an error no key counts as missing. */
function digitsIn(reply: Reply, { keys }: Command): string[] {
  return reply instanceof Error ? keys.map(() => '1') : [...String(reply)];
}

/** Splits groups into batches with at most PER_STEP members in their indexes; a larger group is a batch alone. */
function batches(groups: readonly Group[], sizes: readonly number[]): Group[][] {
  const all: Group[][] = [];
  let left = 0;
  groups.forEach((group, i) => {
    const size = sizes[i] as number;
    if (size === 0) return;
    if (size > left) {
      all.push([]);
      left = PER_STEP;
    }
    left -= size;
    all.at(-1)?.push(group);
  });
  return all;
}

function chunks<T>(items: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(items.length / PER_SCRIPT) }, (_, i) =>
    items.slice(i * PER_SCRIPT, (i + 1) * PER_SCRIPT),
  );
}
