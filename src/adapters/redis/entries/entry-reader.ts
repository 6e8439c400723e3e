import type { EntryCodec, EntryHeader, OpenEnvelope } from '../../../core/values/codec.js';
import { EncodedEntry, type ReadNote } from '../../../core/values/encoded-entry.js';
import type { Awaitable } from '../../../core/ports/cache-adapter.port.js';
import { type Clock, idleMs } from '../../../core/ports/clock.port.js';
import { BoundedMap } from '../../../core/vocabulary/bounded-map.js';
import { plain, type Reply } from '../connection/command.js';
import {
  type EntryHead,
  envelopeStart,
  headBytesOf,
  isEntry,
  marksOf,
  readHead,
  revisionOf,
  timesOf,
  USUAL_HEAD_BYTES,
} from '../protocol/entry-record.js';
import { type Generations, isMarkedFor, recordGeneration, softenedAt } from './entry-validity.js';
import type { Group, RedisKeys } from '../protocol/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { TurnBatch } from '../connection/turn-batch.js';

/*
 * Reads entries, and judges if they are valid. An entry and the generations of the groups in which it is expected are
 * read in one round trip. If the entry turns out to be in other groups, their generations are read, too. Generations
 * never come from memory here: an entry is valid when its marks equal the generations that the server has after the
 * read began.
 *
 * The first read in a turn of the event loop is sent at once. All other reads of the turn share one command, which
 * names each generation once (turn-batch.ts).
 */

/** Entries remembered between two reads. */
const REMEMBERED_ENTRIES = 20_000;
/** Entries per command, so that no answer keeps the server busy for long. */
const ENTRIES_PER_COMMAND = 500;

/** Facts that this process remembers about an entry between two reads. */
interface EntryNote extends ReadNote {
  readonly revision: string;
  /** Its tags: the next read asks for their generations in the same round trip. */
  readonly tags: readonly string[];
  /** The header of this revision; `undefined` before it was read. */
  readonly header: EntryHeader | undefined;
  /** True when it was invalid or expired at the last read, so that a load may replace it. */
  isReplaceable: boolean;
}

export type EntryState = 'fresh' | 'stale' | 'invalid';

/** An entry that a caller asks for. */
interface WantedEntry {
  readonly key: string;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly note: EntryNote | undefined;
  /** The groups in which it is expected. */
  readonly groups: readonly Group[];
}

/** A call of `read`. */
interface ReadRequest {
  readonly wanted: readonly WantedEntry[];
  readonly limitMs: number;
  /** Resolves the call, with the entries in the order of `wanted`. */
  answer(entries: Awaitable<(EncodedEntry | undefined)[]>): void;
  reject(error: unknown): void;
}

/** Reads that share a command. */
interface AskedTogether {
  /** Groups whose generations are part of the answer. */
  readonly groups: readonly Group[];
  /** Time by which all calls must be resolved, on the scale of `idleMs`. */
  readonly dueMs: number;
}

/** Commands sent until now, in this process. */
let commands = 0;

export class EntryReader {
  readonly #notes = new BoundedMap<string, EntryNote>(REMEMBERED_ENTRIES);
  readonly #turn = new TurnBatch<ReadRequest>((requests) => this.#askAll(requests));

  readonly #keys: RedisKeys;
  readonly #link: RedisLink;
  readonly #codec: EntryCodec;
  readonly #clock: Clock;

  constructor(keys: RedisKeys, link: RedisLink, codec: EntryCodec, clock: Clock) {
    this.#keys = keys;
    this.#link = link;
    this.#codec = codec;
    this.#clock = clock;
  }

  /**
   * Passes the entries, fresh or stale, to `take` in the order of the keys; `undefined` for a miss. Rejects when the
   * server does not answer.
   */
  read<T>(
    keys: readonly string[],
    namespace: string | undefined,
    limitMs: number,
    take: (entries: (EncodedEntry | undefined)[]) => T,
  ): Promise<T> {
    const wanted = keys.map((key) => this.#wanted(key, namespace));
    return new Promise((resolve, reject) => {
      const answer = (entries: Awaitable<(EncodedEntry | undefined)[]>): void =>
        resolve(entries instanceof Promise ? entries.then(take) : take(entries));
      this.#turn.add({ wanted, limitMs, answer, reject });
    });
  }

  /** The tags that the entry had when it was last read or stored. */
  tagsOf(key: string, namespace: string | undefined): readonly string[] {
    return this.#notes.get(this.#keys.entry(key, namespace))?.tags ?? [];
  }

  /** The revision under the key when it was last read, if it was invalid or expired then; '' otherwise. */
  replaceableRevision(key: string, namespace: string | undefined): string {
    const note = this.#notes.get(this.#keys.entry(key, namespace));
    return note?.isReplaceable === true ? note.revision : '';
  }

  /** Remembers the tags that the entry is likely to have next time. */
  expectTags(key: string, namespace: string | undefined, tags: readonly string[]): void {
    const name = this.#keys.entry(key, namespace);
    const note = this.#notes.get(name);
    if (note === undefined ? tags.length > 0 : !sameTags(note.tags, tags)) {
      this.#notes.put(name, {
        revision: '',
        header: undefined,
        hits: 0,
        lastReadAtMs: 0,
        ...note,
        tags,
        isReplaceable: false,
      });
    }
  }

  /** Adds the generations that `known` lacks, in one round trip. */
  async generationsOf(groups: Iterable<Group>, limitMs: number, known: Generations = new Map()): Promise<Generations> {
    const missing = [...new Set(groups)].filter((group) => !known.has(group));
    if (missing.length === 0) return known;
    const texts = await new Promise<readonly (Buffer | null)[]>((resolve, reject) =>
      this.#link.getAll(
        missing.map((group) => group.key),
        limitMs,
        resolve,
        reject,
      ),
    );
    missing.forEach((group, i) => known.set(group, recordGeneration(group, texts[i] ?? null)));
    return known;
  }

  /** The entry in `bytes`, if it is valid. Reads the generations that it needs and `known` lacks. */
  async judge(
    key: string,
    namespace: string | undefined,
    bytes: Buffer,
    known: Generations,
    limitMs: number,
  ): Promise<EncodedEntry | undefined> {
    const wanted = this.#wanted(key, namespace);
    // A record that was cut still looks like an entry to the scripts. Loads must be able to replace it.
    const envelope = isEntry(bytes) ? await this.#codec.open(bytes.subarray(envelopeStart(bytes)), wanted) : undefined;
    if (envelope === undefined) {
      if (bytes.length > 0) this.#markReplaceable(wanted, bytes, undefined);
      return undefined;
    }
    const groups = this.#keys.groupsOf(key, namespace, envelope.header.tags);
    return this.#entry(
      wanted,
      envelope,
      bytes,
      softenedAt(marksOf(bytes), groups, await this.generationsOf(groups, limitMs, known)),
    );
  }

  /** Reads the heads of entries, in the order of their names; `undefined` without one. No value is transferred. */
  async heads(names: readonly string[], limitMs: number): Promise<(EntryHead | undefined)[]> {
    const replies = await this.#link.run(
      names.map((name) => plain('GETRANGE', name, 0, USUAL_HEAD_BYTES - 1)),
      limitMs,
    );
    return Promise.all(replies.map((reply, i) => this.#headIn(names[i] as string, reply, limitMs)));
  }

  /** Judges entries by their heads, as a read would. */
  async statesOf(
    heads: readonly (EntryHead | undefined)[],
    limitMs: number,
    known: Generations = new Map(),
  ): Promise<EntryState[]> {
    const groupsOf = ({ key, namespace, tags }: EntryHead): Group[] => this.#keys.groupsOf(key, namespace, tags);
    await this.generationsOf(
      heads.flatMap((head) => (head === undefined ? [] : groupsOf(head))),
      limitMs,
      known,
    );
    const nowMs = this.#link.time.nowMs();
    return heads.map((head) => {
      const softenedMs = head && softenedAt(head.marks, groupsOf(head), known);
      if (head === undefined || softenedMs === undefined) return 'invalid';
      const freshUntilMs = Math.min(head.freshUntilMs, softenedMs);
      if (freshUntilMs > nowMs && !head.isSoftened && softenedMs === Infinity) return 'fresh';
      return freshUntilMs + head.staleMs > nowMs ? 'stale' : 'invalid';
    });
  }

  /** Makes the entry that this process has just stored. */
  stored(
    envelope: OpenEnvelope,
    revision: string,
    keptUntilMs: { fresh: number; stale: number },
    sizeBytes: number,
  ): EncodedEntry {
    const { header } = envelope;
    const note = this.#note(this.#keys.entry(header.key, header.namespace), revision, header);
    note.isReplaceable = false;
    return new EncodedEntry({
      envelope,
      note,
      clock: this.#clock,
      sizeBytes,
      freshUntilMs: keptUntilMs.fresh,
      staleUntilMs: keptUntilMs.stale,
    });
  }

  async #headIn(name: string, reply: Reply, limitMs: number): Promise<EntryHead | undefined> {
    if (!Buffer.isBuffer(reply) || reply.length === 0 || !isEntry(reply)) return undefined;
    const bytes = headBytesOf(reply);
    if (bytes <= reply.length) return readHead(reply);
    const [whole] = await this.#link.run([plain('GETRANGE', name, 0, bytes - 1)], limitMs);
    return Buffer.isBuffer(whole) ? readHead(whole) : undefined;
  }

  #wanted(key: string, namespace: string | undefined): WantedEntry {
    const scope = this.#keys.scope(namespace);
    const name = scope.prefix + key;
    const note = this.#notes.get(name);
    const tags = note?.tags;
    const isUntagged = tags === undefined || tags.length === 0;
    return {
      key,
      namespace,
      name,
      note,
      groups: isUntagged && scope.groups !== undefined ? scope.groups : this.#keys.groupsOf(key, namespace, tags ?? []),
    };
  }

  #askAll(requests: readonly ReadRequest[]): void {
    let start = 0;
    for (let end = 0, entries = 0; end < requests.length; end++) {
      entries += (requests[end] as ReadRequest).wanted.length;
      if (entries < ENTRIES_PER_COMMAND && end + 1 < requests.length) continue;
      this.#ask(start === 0 && end + 1 === requests.length ? requests : requests.slice(start, end + 1));
      start = end + 1;
      entries = 0;
    }
  }

  #ask(together: readonly ReadRequest[]): void {
    const id = ++commands;
    const names: string[] = [];
    let limitMs = 0;
    for (const request of together) {
      limitMs = Math.max(limitMs, request.limitMs);
      for (const { name } of request.wanted) names.push(name);
    }
    const groups: Group[] = [];
    const want = (group: Group): void => {
      if (group.askedIn === id) return;
      group.askedIn = id;
      groups.push(group);
      names.push(group.key);
    };
    for (const { wanted } of together) for (const { groups: own } of wanted) for (const group of own) want(group);
    const dueMs = idleMs(this.#clock) + limitMs;
    this.#link.getAll(
      names,
      limitMs,
      (answers) => {
        const first = names.length - groups.length;
        for (let i = 0; i < groups.length; i++)
          (groups[i] as Group).answer = recordGeneration(groups[i] as Group, answers[first + i] as Buffer | null);
        let next = 0;
        for (const request of together) {
          const start = next;
          next += request.wanted.length;
          request.answer(this.#entries(request.wanted, answers, start, { groups, dueMs }));
        }
      },
      (error) => {
        for (const request of together) request.reject(error);
      },
    );
  }

  #entries(
    wanted: readonly WantedEntry[],
    answers: readonly (Buffer | null)[],
    start: number,
    asked: AskedTogether,
  ): Awaitable<(EncodedEntry | undefined)[]> {
    const entries: (EncodedEntry | undefined)[] = [];
    let late: Promise<void>[] | undefined;
    for (let i = 0; i < wanted.length; i++) {
      const found = this.#judged(wanted[i] as WantedEntry, answers[start + i] as Buffer | null, asked);
      if (found instanceof Promise) (late ??= []).push(found.then((entry) => void (entries[i] = entry)));
      else entries[i] = found;
    }
    return late === undefined ? entries : Promise.all(late).then(() => entries);
  }

  #judged(
    wanted: WantedEntry,
    bytes: Buffer | null,
    { groups, dueMs }: AskedTogether,
  ): Awaitable<EncodedEntry | undefined> {
    if (bytes === null || !isEntry(bytes)) return undefined;
    // An entry with the marks of its expected groups is valid. All others need a closer look.
    if (!isMarkedFor(wanted.groups, marksOf(bytes))) {
      return this.judge(wanted.key, wanted.namespace, bytes, generationsIn(groups), dueMs - idleMs(this.#clock));
    }
    const { note } = wanted;
    const header = note?.revision === revisionOf(bytes) ? note.header : undefined;
    const envelope = this.#codec.open(bytes.subarray(envelopeStart(bytes)), wanted, header);
    if (envelope instanceof Promise) return envelope.then((opened) => this.#opened(wanted, opened, bytes));
    return this.#opened(wanted, envelope, bytes);
  }

  #opened(wanted: WantedEntry, envelope: OpenEnvelope | undefined, bytes: Buffer): EncodedEntry | undefined {
    if (envelope !== undefined) return this.#entry(wanted, envelope, bytes, Infinity);
    this.#markReplaceable(wanted, bytes, undefined);
    return undefined;
  }

  /** @param softenedMs the result of `softenedAt` */
  #entry(
    { name }: WantedEntry,
    envelope: OpenEnvelope,
    bytes: Buffer,
    softenedMs: number | undefined,
  ): EncodedEntry | undefined {
    const { freshUntilMs, staleMs, isSoftened } = timesOf(bytes);
    const nowMs = this.#clock.coarseNowMs();
    const endMs = this.#link.time.toLocalMs(Math.min(freshUntilMs, softenedMs ?? 0));
    const freshMs = isSoftened || softenedMs !== Infinity ? Math.min(endMs, nowMs) : endMs;
    if (softenedMs === undefined || freshMs + staleMs <= nowMs) {
      this.#markReplaceable({ name }, bytes, envelope.header);
      return undefined;
    }
    const note = this.#note(name, revisionOf(bytes), envelope.header);
    note.isReplaceable = freshMs <= nowMs;
    return new EncodedEntry({
      envelope,
      note,
      clock: this.#clock,
      sizeBytes: bytes.length,
      freshUntilMs: freshMs,
      staleUntilMs: freshMs + staleMs,
    });
  }

  #markReplaceable({ name }: Pick<WantedEntry, 'name'>, bytes: Buffer, header: EntryHeader | undefined): void {
    this.#note(name, revisionOf(bytes), header).isReplaceable = true;
  }

  #note(name: string, revision: string, header: EntryHeader | undefined): EntryNote {
    const note = this.#notes.get(name);
    return note?.revision === revision
      ? note
      : this.#notes.put(name, {
          revision,
          tags: header?.tags ?? [],
          header,
          isReplaceable: false,
          hits: 0,
          lastReadAtMs: 0,
        });
  }
}

function generationsIn(groups: readonly Group[]): Generations {
  return new Map(groups.map((group) => [group, group.answer]));
}

function sameTags(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((tag, i) => tag === b[i]);
}
