import type { IndexPage, ScoredMember } from '../entries/entry-walk.js';
import { EMPTY_GROUP_MS, indexKeys, type Prepared } from '../entries/entry-writer.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, plain, type Reply } from '../connection/redis-wire.js';
import { PRESENT, STRIKE_LOST } from '../protocol/scripts.js';
import { SweepPace } from './sweep-pace.js';
import { SweepTicket } from './sweep-ticket.js';

/** A process looks each time it has stored this many entries. Storing them costs far more than the look. */
const LOOK_AFTER = 2_000;
/** Members that a look sees of each index, and indexes beside the one of everything. */
const LOOK = { members: 100, indexes: 8 };
/** A walk follows where more members of one index are lost. A few may be so for other reasons. */
const MANY = { share: 0.1, members: 5 };
/** Members that one step looks at, in one index or in several; and that one script takes. */
const TOGETHER = 1_000;
const PER_SCRIPT = 250;
const REST_MS = 1_000;

/** Where to go on in an index. */
interface Place {
  readonly group: Group;
  readonly cursor: string;
}

/**
 * Strikes members whose entries were evicted. The server does not report evictions, so each process looks now and then:
 * a page of an index comes in no order and is a fair sample. Only where many of its members are lost all indexes are
 * walked through, so a server that evicts nothing is asked for no more than these pages.
 *
 * Nothing here reads an entry, which would count as use: the server would evict others instead. A member is struck only
 * while it has the time that was seen before its entry was missed, since storing the entry again changes that time.
 * Nothing depends on it but memory and counts, so it may stop anywhere, and two processes may do it at once.
 */
export class LostMembers {
  readonly #ticket: SweepTicket;
  readonly #pace: SweepPace;
  #untilLook = LOOK_AFTER;
  /** A look is due, and has to wait for the walk that is under way. */
  #isDue = false;
  /** Written to lately. The index of everything alone would not do: it may have been evicted itself. */
  #lately: readonly Group[] = [];
  #nextPart = 0;
  #isAtWork = false;
  #isClosed = false;

  constructor(private readonly context: RedisContext) {
    this.#ticket = new SweepTicket(context.keys.lostSweep, context);
    this.#pace = new SweepPace(context.clock, this.#ticket);
    context.writer.listen((entries) => this.#count(entries));
  }

  /**
   * Looks whether many entries are lost, and if so strikes their members, unless another process does. Never rejects.
   */
  async look(): Promise<void> {
    if (this.#isClosed || this.#isAtWork || !this.context.link.isUp()) return;
    this.#isAtWork = true;
    try {
      if ((await this.#areManyLost()) && (await this.#ticket.take())) await this.#walk();
    } catch {
      // The link reports its own faults; what is left is found the next time.
    } finally {
      this.#isAtWork = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#pace.close();
  }

  #count(stored: readonly Prepared[]): void {
    this.#untilLook -= stored.length;
    if (this.#untilLook > 0) return;
    this.#untilLook = LOOK_AFTER;
    this.#lately = stored.at(-1)?.groups.slice(0, LOOK.indexes) ?? [];
    this.#isDue = true;
    void this.look();
  }

  /** Takes the parts of everything in turn: the members of each have their entries on all servers. */
  async #areManyLost(): Promise<boolean> {
    this.#isDue = false;
    const { everything } = this.context.keys;
    const part = everything[this.#nextPart++ % everything.length] as Group;
    const places = [...new Set([part, ...this.#lately])].map(({ index }) => ({ index, cursor: '0' }));
    const pages = await this.context.walk.pages(places, LOOK.members);
    const lost = await this.#lostOf(pages);
    return lost.some(
      ({ length }, i) => length > Math.max(MANY.members, MANY.share * (pages[i] as IndexPage).scored.length),
    );
  }

  /**
   * Goes through the indexes that are written to first, and again when that is due while it searches for the others.
   */
  async #walk(): Promise<void> {
    const { keys, walk, clock } = this.context;
    const beganMs = clock.nowMs();
    const busy = new Set([...keys.everything, ...this.#lately]);
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
      if (this.#isClosed) this.#ticket.giveBack();
      else this.#ticket.expireIn(Math.max(REST_MS, clock.nowMs() - beganMs));
    }
  }

  async #strikeIn(groups: readonly Group[]): Promise<void> {
    if (groups.length === 0) return;
    const sizes = await this.context.walk.sizes(groups.map(({ index }) => index));
    for (const some of batches(groups, sizes)) {
      let places: Place[] = some.map((group) => ({ group, cursor: '0' }));
      while (places.length > 0) {
        places = await this.#step(places);
        await this.#pace.pause();
      }
    }
  }

  /** @returns where to go on */
  async #step(places: readonly Place[]): Promise<Place[]> {
    const { walk, link } = this.context;
    const pages = await walk.pages(
      places.map(({ group: { index }, cursor }) => ({ index, cursor })),
      TOGETHER,
    );
    const lost = await this.#lostOf(pages);
    const strikes = places.flatMap(({ group }, i) =>
      chunks(lost[i] as ScoredMember[]).map((some) =>
        call(STRIKE_LOST, indexKeys(group), EMPTY_GROUP_MS, ...some.flat()),
      ),
    );
    if (strikes.length > 0) link.post(strikes);
    return places
      .map(({ group }, i) => ({ group, cursor: (pages[i] as IndexPage).cursor }))
      .filter(({ cursor }) => cursor !== '0');
  }

  /** For each page, its members without an entry. */
  async #lostOf(pages: readonly IndexPage[]): Promise<ScoredMember[][]> {
    const { keys, isCluster } = this.context;
    const asked = [...new Set(pages.flatMap(({ scored }) => scored.map(([member]) => member)))];
    const names = asked.map((member) => keys.entryPrefix + member);
    // Entries of a cluster are in slots of their own, and a script takes keys of one slot.
    const commands = isCluster
      ? names.map((name) => plain('EXISTS', name))
      : chunks(names).map((some) => call(PRESENT, some));
    const replies = commands.length === 0 ? [] : await this.context.run(commands);
    const present = replies.flatMap((reply, i) => digitsIn(reply, commands[i] as Command));
    const lost = new Set(asked.filter((_, i) => present[i] === '0'));
    return pages.map(({ scored }) => scored.filter(([member]) => lost.has(member)));
  }
}

/** A digit for each key. Where the server answered with an error nothing is missed. */
function digitsIn(reply: Reply, { keys }: Command): string[] {
  return reply instanceof Error ? keys.map(() => '1') : [...String(reply)];
}

/** Groups whose indexes have no more members together than one step looks at; or one that has more. */
function batches(groups: readonly Group[], sizes: readonly number[]): Group[][] {
  const all: Group[][] = [];
  let left = 0;
  groups.forEach((group, i) => {
    const size = sizes[i] as number;
    if (size === 0) return;
    if (size > left) {
      all.push([]);
      left = TOGETHER;
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
