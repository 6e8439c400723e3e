import { escapeGlob } from '../../../core/vocabulary/glob.js';
import type { RedisLink } from '../connection/redis-link.js';
import { type ReplyValue, plain, type Reply } from '../connection/command.js';
import type { RedisWire } from '../connection/redis-wire.port.js';

/** Names read per step: a few hundred microseconds of the server. */
const STEP = 500;
/** Walks over all servers at most, because slots moved from one server to another during the walk. */
const MAX_WALKS = 4;

/** An index, and the number of its live members. */
export interface CountedIndex {
  readonly index: string;
  readonly live: number;
}

/** A member of an index, and its time as text. */
export type ScoredMember = readonly [member: string, untilMs: string];

/** The members of one step through an index. */
export interface IndexPage {
  readonly scored: readonly ScoredMember[];
  /** Cursor of the next step; '0' at the end of the index. */
  readonly cursor: string;
}

/** Walks through stored entries and indexes, in steps too short to delay other clients of the server. */
export class EntryWalk {
  readonly #wire: RedisWire;
  readonly #link: RedisLink;
  readonly #limitMs: number;

  constructor(wire: RedisWire, link: RedisLink, limitMs: number) {
    this.#wire = wire;
    this.#link = link;
    this.#limitMs = limitMs;
  }

  /** Yields the members of an index. One that stays in it during the whole walk is never missed, but may come twice. */
  async *members(index: string): AsyncGenerator<string[]> {
    for await (const scored of this.#scored(index)) yield scored.map(([member]) => member);
  }

  /** Counts the live members of several indexes, each member once. Takes time in proportion to all but the largest. */
  async union(indexes: readonly CountedIndex[]): Promise<number> {
    const [largest, ...others] = indexes.filter(({ live }) => live > 0).sort((a, b) => b.live - a.live);
    if (largest === undefined) return 0;
    let count = largest.live;
    const before = [largest];
    for (const next of others) {
      const seen = new Set<string>();
      for await (const scored of this.#scored(next.index)) {
        const nowMs = this.#link.time.nowMs();
        const live = scored.flatMap(([member, untilMs]) =>
          Number(untilMs) > nowMs && !seen.has(member) ? [member] : [],
        );
        for (const member of live) seen.add(member);
        count += await this.#inNone(live, before);
      }
      before.push(next);
    }
    return count;
  }

  /**
   * Yields the names of keys, on all servers, that begin with `scope` and may match the pattern behind it.
   * @param rest awaited after each step
   */
  async *names(scope: string, pattern: string, rest?: () => Promise<void>): AsyncGenerator<string[]> {
    // The caller matches the names itself, because the server matches by bytes. The server only filters by the text
    // before the first wildcard.
    const literal = /^[^*?[\]\\]*/.exec(pattern)?.[0] ?? '';
    const match = `${escapeGlob(scope + literal)}*`;
    for (let walks = 0; walks < MAX_WALKS; walks++) {
      const masters = this.#wire.masters();
      for (const master of masters) yield* this.#namesOn(master, match, rest);
      if (masters.join() === this.#wire.masters().join()) return;
    }
    throw new Error('The masters of the cluster changed while its entries were read.');
  }

  async *#namesOn(master: string, match: string, rest?: () => Promise<void>): AsyncGenerator<string[]> {
    let cursor = '0';
    do {
      const from = cursor;
      const step = await this.#link.within(this.#limitMs, () => this.#wire.scan(master, from, match, STEP));
      cursor = step.cursor;
      if (step.keys.length > 0) yield [...step.keys];
      await rest?.();
    } while (cursor !== '0');
  }

  /** Takes one step of about `count` members through each of several indexes, in one round trip. */
  async pages(
    places: readonly { readonly index: string; readonly cursor: string }[],
    count: number,
  ): Promise<IndexPage[]> {
    const replies = await this.#link.ask(
      places.map(({ index, cursor }) => plain('ZSCAN', index, cursor, 'COUNT', count)),
      this.#limitMs,
    );
    return replies.map(pageIn);
  }

  /** Counts the members of indexes, live or not; 0 for an index that cannot be read. */
  async sizes(indexes: readonly string[]): Promise<number[]> {
    const replies = await this.#link.run(
      indexes.map((index) => plain('ZCARD', index)),
      this.#limitMs,
    );
    return replies.map((reply) => (typeof reply === 'number' ? reply : 0));
  }

  async *#scored(index: string): AsyncGenerator<readonly ScoredMember[]> {
    let cursor = '0';
    do {
      const [page] = (await this.pages([{ index, cursor }], STEP)) as [IndexPage];
      cursor = page.cursor;
      if (page.scored.length > 0) yield page.scored;
    } while (cursor !== '0');
  }

  async #inNone(members: readonly string[], indexes: readonly CountedIndex[]): Promise<number> {
    if (members.length === 0) return 0;
    const replies = await this.#link.ask(
      indexes.map(({ index }) => plain('ZMSCORE', index, ...members)),
      this.#limitMs,
    );
    return members.filter((_, i) => replies.every((scores) => (scores as Reply[])[i] === null)).length;
  }
}

function pageIn(reply: ReplyValue): IndexPage {
  const [cursor, flat] = reply as [Buffer, Reply[]];
  const scored: ScoredMember[] = [];
  for (let i = 0; i < flat.length; i += 2) scored.push([String(flat[i]), String(flat[i + 1])]);
  return { scored, cursor: cursor.toString('latin1') };
}
