import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { MAX_TAGS } from '../../../core/vocabulary/cache-key.js';
import type { EntryCodec, Envelope } from '../../../core/values/codec.js';
import type { EntryDraft } from '../../../core/ports/cache-adapter.port.js';
import type { Clock } from '../../../core/ports/clock.port.js';
import type { EntryReader } from './entry-reader.js';
import { recordGeneration } from './entry-validity.js';
import { entryRecord, isOfGroupsOf, readHead, USUAL_HEAD_BYTES } from '../protocol/entry-record.js';
import { type Generation, newGeneration, randomId } from '../protocol/generation.js';
import { memberTime } from '../protocol/member-time.js';
import type { EncodedEntry } from '../../../core/values/encoded-entry.js';
import type { Group, RedisKeys } from '../protocol/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { call, type Command, plain, type Reply } from '../connection/command.js';
import { REMOVE, STORE } from '../protocol/entry-scripts.js';
import { ENTER, LEAVE } from '../protocol/group-scripts.js';

/** Bytes of a stored entry at most: Redis runs one command at a time, and a larger one would delay all clients. */
export const MAX_ENTRY_BYTES = 32 * 1024 * 1024;

/** Time for which the generation of an empty group is kept, for loads that have read it. */
export const EMPTY_GROUP_MS = 5_000;
/** Members that one script enters. */
const MEMBERS_PER_SCRIPT = 200;

/** An encoded entry, complete except for the marks of its generations. */
export interface Prepared {
  readonly draft: EntryDraft;
  readonly member: string;
  readonly name: string;
  readonly groups: readonly Group[];
  readonly envelope: Envelope;
  readonly bytes: Buffer;
  readonly revision: string;
}

/** The generations with which entries are marked. */
export interface Marks {
  readonly of: Map<Group, Generation>;
  /**
   * Groups whose generation was made here and never sent, because no generation of theirs is known. Only such a one may
   * be stored where the server has none: any other may have been ended meanwhile, and must not come back.
   */
  readonly unsent: Set<Group>;
}

/** The end of storing one entry. `unlisted`: it is stored, but an index that should name it does not. */
export type StoreOutcome = { readonly state: 'stored' | 'refused' | 'late' } | StoreFailure;

export interface StoreFailure {
  readonly state: 'failed' | 'unlisted';
  readonly reason: Error;
}

export class EntryWriter {
  #onStored: (entries: readonly Prepared[]) => void = () => undefined;

  readonly #keys: RedisKeys;
  readonly #link: RedisLink;
  readonly #reader: EntryReader;
  readonly #codec: EntryCodec;
  readonly #clock: Clock;

  constructor(keys: RedisKeys, link: RedisLink, reader: EntryReader, codec: EntryCodec, clock: Clock) {
    this.#keys = keys;
    this.#link = link;
    this.#reader = reader;
    this.#codec = codec;
    this.#clock = clock;
  }

  /** Registers the listener for entries whose storing was answered. Call once. */
  listen(listener: (entries: readonly Prepared[]) => void): void {
    this.#onStored = listener;
  }

  /** Encodes all entries before any of them is sent. @throws CacheSerializationError, CacheConfigError */
  prepare(drafts: readonly EntryDraft[], namespace: string | undefined): Promise<Prepared[]> {
    return Promise.all(drafts.map((draft) => this.#prepareOne(draft, namespace)));
  }

  /**
   * Encodes the results of loads. For one that must not be stored, `onRefused` is called, and the entry under its key
   * will be removed.
   * @throws CacheSerializationError
   */
  async prepareLoaded(
    drafts: readonly EntryDraft[],
    namespace: string | undefined,
    onRefused: (error: unknown) => void,
  ): Promise<Prepared[]> {
    try {
      return await this.prepare(drafts, namespace);
    } catch (refused) {
      if (!(refused instanceof CacheConfigError)) throw refused;
    }
    const orNothing = (draft: EntryDraft) => (error: unknown) => {
      if (!(error instanceof CacheConfigError)) throw error;
      onRefused(error);
      return this.#prepareOne({ ...draft, value: null, ttlMs: 0, staleMs: 0, tags: [] }, namespace);
    };
    return Promise.all(drafts.map((draft) => this.#prepareOne(draft, namespace).catch(orNothing(draft))));
  }

  /** Guesses the generations for entries without a load: the last ones that this process has read, or new ones. */
  guess(prepared: readonly Prepared[]): Marks {
    const groups = new Set(prepared.flatMap(({ groups }) => groups));
    const unsent = new Set([...groups].filter(({ known }) => known === undefined));
    return { of: new Map([...groups].map((group) => [group, group.known ?? newGeneration()])), unsent };
  }

  /**
   * Stores entries and enters them in their groups, in one round trip. The result of a load (with `tokenOf`) is stored
   * only while its token and its generations are unchanged. All others are stored in any case, and the caller stores
   * them again when a guess was wrong.
   */
  async store(
    prepared: readonly Prepared[],
    marks: Marks,
    limitMs: number,
    tokenOf?: (each: Prepared) => string,
  ): Promise<StoreOutcome[]> {
    const enters = [...membersOf(prepared)].flatMap(([group, members]) =>
      this.#enterCommands(group, members, marks, tokenOf !== undefined),
    );
    const stores = prepared.map((each) => this.#storeCommand(each, marks.of, limitMs, tokenOf?.(each) ?? ''));
    const replies = await this.#link.run([...stores, ...enters.map(({ command }) => command)], limitMs);
    this.#onStored(prepared);
    const refusals = this.#refusals(enters, replies.slice(stores.length), marks.of);
    return prepared.map((each, i) => this.#ended(each, replies[i] as Reply, refusals));
  }

  /** Makes the entry that was just stored. */
  async entryOf({ draft, envelope, bytes, revision }: Prepared): Promise<EncodedEntry | undefined> {
    const opened = await this.#codec.open(bytes, envelope);
    if (opened === undefined) return undefined;
    const freshMs = this.#clock.nowMs() + draft.ttlMs;
    return this.#reader.stored(opened, revision, { fresh: freshMs, stale: freshMs + draft.staleMs }, bytes.length);
  }

  /**
   * Cleans up after entries that were refused: they may be entered in groups, and stored with marks that are no longer
   * valid. No caller waits for it.
   */
  async discard(refused: readonly Prepared[], limitMs: number): Promise<void> {
    if (refused.length === 0) return;
    const remove = refused.map(({ name, revision }) => call(REMOVE, [name], revision, this.#keys.wake));
    const look = refused.map(({ name }) => plain('GETRANGE', name, 0, USUAL_HEAD_BYTES - 1));
    const replies = (await this.#link.run([...remove, ...look], limitMs)).slice(remove.length);
    const leave = refused.flatMap(({ member, groups, envelope: { key, namespace } }, i) => {
      const reply = replies[i] as Reply;
      const head = Buffer.isBuffer(reply) ? readHead(reply) : undefined;
      const kept = head === undefined ? [] : this.#keys.groupsOf(key, namespace, head.tags);
      return this.#leaveCommands(
        member,
        groups.filter((group) => !kept.includes(group)),
      );
    });
    this.#link.post(leave);
  }

  /** Takes removed entries, given by their heads, out of their groups except `kept`. No caller waits for it. */
  forget(heads: readonly Reply[], kept: readonly Group[] = []): void {
    const commands = this.forgetCommands(heads, kept);
    if (commands.length > 0) this.#link.post(commands);
  }

  /** The commands of `forget`, for callers that wait for the answers. */
  forgetCommands(heads: readonly Reply[], kept: readonly Group[] = []): Command[] {
    const leaving = new Map<Group, string[]>();
    for (const head of heads) {
      const was = Buffer.isBuffer(head) && head.length > 0 ? readHead(head) : undefined;
      if (was === undefined) continue;
      const member = this.#keys.member(was.key, was.namespace);
      for (const group of this.#keys.groupsOf(was.key, was.namespace, was.tags)) {
        const members = leaving.get(group);
        if (members === undefined) leaving.set(group, [member]);
        else members.push(member);
      }
    }
    for (const group of kept) leaving.delete(group);
    return [...leaving].map(([group, members]) => call(LEAVE, indexKeys(group), EMPTY_GROUP_MS, ...members));
  }

  /** The commands that let the generation of a group expire when the group is empty. */
  retireCommands(group: Group): Command[] {
    return this.#leaveCommands('', [group]);
  }

  async #prepareOne(draft: EntryDraft, namespace: string | undefined): Promise<Prepared> {
    const { key, value, ttlMs, staleMs, loadMs } = draft;
    const tags = draft.tags.length === 0 ? draft.tags : [...new Set(draft.tags)];
    const envelope = {
      key,
      namespace,
      tags,
      createdAtMs: draft.createdAtMs ?? this.#clock.wallMs(),
      ttlMs,
      staleMs,
      loadMs,
      value,
    };
    const encoding = this.#codec.encode(envelope);
    const bytes = encoding instanceof Promise ? await encoding : encoding;
    const member = this.#keys.member(key, namespace);
    const groups = this.#keys.groupsOf(key, namespace, tags);
    if (bytes.length > MAX_ENTRY_BYTES) {
      throw new CacheConfigError(
        `Expected entries of at most ${MAX_ENTRY_BYTES} bytes, got one of ${bytes.length}, which was not stored. ` +
          'Cache less in one entry, or set `compression`.',
      );
    }
    if (tags.length > MAX_TAGS)
      throw new CacheConfigError(`Expected at most ${MAX_TAGS} different tags on one entry, got ${tags.length}.`);
    return { draft, member, name: this.#keys.entry(key, namespace), groups, envelope, bytes, revision: randomId() };
  }

  #storeCommand(each: Prepared, marks: Map<Group, Generation>, limitMs: number, token: string): Command {
    const { draft } = each;
    const latestMs = this.#link.latestMs(limitMs);
    if (draft.ttlMs <= 0) return call(STORE, [each.name], token, '', '', latestMs, this.#keys.wake);
    const freshUntilMs = this.#link.time.nowMs() + draft.ttlMs;
    const own = each.groups.map((group) => (marks.get(group) as Generation).mark);
    const record = entryRecord(each.revision, { freshUntilMs, staleMs: draft.staleMs }, own, each.bytes);
    return call(STORE, [each.name], token, record, wholeMs(draft.ttlMs + draft.staleMs), latestMs, this.#keys.wake);
  }

  #enterCommands(
    group: Group,
    members: readonly Prepared[],
    marks: Marks,
    isLoad: boolean,
  ): { group: Group; command: Command }[] {
    const keepMs = wholeMs(Math.max(...members.map(({ draft }) => draft.ttlMs + draft.staleMs)));
    const { text } = marks.of.get(group) as Generation;
    const nowMs = this.#link.time.nowMs();
    const commands = [];
    for (let i = 0; i < members.length; i += MEMBERS_PER_SCRIPT) {
      const some = members
        .slice(i, i + MEMBERS_PER_SCRIPT)
        .flatMap(({ member, draft, envelope }) => [
          member,
          memberTime(nowMs, draft.ttlMs + draft.staleMs),
          envelope.createdAtMs,
        ]);
      // A generation made here is sent once: a second script might run after the generation was ended.
      const substitute = marks.unsent.delete(group) ? text : newGeneration().text;
      commands.push({ group, command: call(ENTER, indexKeys(group), isLoad ? text : '', substitute, keepMs, ...some) });
    }
    return commands;
  }

  /**
   * The groups with another generation than their entries are marked with, and those that did not answer. Puts the
   * current generations into `marks`.
   */
  #refusals(
    enters: readonly { group: Group }[],
    replies: readonly Reply[],
    marks: Map<Group, Generation>,
  ): Map<Group, 'outdated' | Error> {
    const refusals = new Map<Group, 'outdated' | Error>();
    enters.forEach(({ group }, i) => {
      const reply = replies[i] as Reply;
      if (reply instanceof Error) {
        refusals.set(group, reply);
        return;
      }
      const [isEntered, text] = reply as [number, Buffer];
      const current = recordGeneration(group, text);
      if (isEntered === 1 && current?.mark === marks.get(group)?.mark) return;
      if (!refusals.has(group)) refusals.set(group, 'outdated');
      if (current !== undefined) marks.set(group, current);
    });
    return refusals;
  }

  #ended(each: Prepared, reply: Reply, refusals: ReadonlyMap<Group, 'outdated' | Error>): StoreOutcome {
    if (reply instanceof Error) return { state: 'failed', reason: reply };
    const [answer, head, reason] = reply as readonly [Buffer, Buffer, Buffer?];
    const state = answer.toString('latin1') as 'stored' | 'refused' | 'late' | 'failed';
    const isThere = state === 'stored' && each.draft.ttlMs > 0;
    if (head.length > 0) this.#forgetReplaced(head, each, isThere);
    if (state === 'failed') return { state, reason: new Error(reason?.toString()) };
    if (state !== 'stored') return { state };
    this.#reader.expectTags(each.draft.key, each.envelope.namespace, each.envelope.tags);
    if (!isThere || refusals.size === 0) return { state };
    const found = each.groups.flatMap((group) => refusals.get(group) ?? []);
    const fault = found.find((refusal) => refusal instanceof Error);
    if (fault !== undefined) return { state: 'unlisted', reason: fault };
    return { state: found.length > 0 ? 'refused' : 'stored' };
  }

  /** Takes a replaced or removed entry out of the groups that it has left. */
  #forgetReplaced(head: Buffer, { envelope, groups }: Prepared, isThere: boolean): void {
    if (isThere && isOfGroupsOf(head, envelope)) return;
    this.forget([head], isThere ? groups : []);
  }

  #leaveCommands(member: string, groups: readonly Group[]): Command[] {
    return groups.map((group) => call(LEAVE, indexKeys(group), EMPTY_GROUP_MS, member));
  }
}

/** The entries that will be stored, by group. */
function membersOf(prepared: readonly Prepared[]): Map<Group, Prepared[]> {
  const members = new Map<Group, Prepared[]>();
  for (const each of prepared) {
    if (each.draft.ttlMs <= 0) continue;
    for (const group of each.groups) {
      const known = members.get(group);
      if (known === undefined) members.set(group, [each]);
      else known.push(each);
    }
  }
  return members;
}

/** The KEYS of the scripts that work on the members of a group. */
export function indexKeys({ key, index, created }: Group): string[] {
  return created === undefined ? [key, index] : [key, index, created];
}

/** The argument of PX; '' for ever. */
function wholeMs(ms: number): number | '' {
  return ms === Infinity ? '' : Math.max(1, Math.ceil(ms));
}
