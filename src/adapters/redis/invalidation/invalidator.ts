import { compileGlob } from '../../../core/vocabulary/glob.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import { type Generations, recordGeneration } from '../entries/entry-validity.js';
import { type EntryHead, readHead } from '../protocol/entry-record.js';
import { checkForgotten, type Ended, type GroupEnding } from './group-ending.js';
import type { Group } from '../protocol/redis-keys.js';
import type { InvalidationOptions } from './invalidation-options.js';
import type { RedisContext } from '../entries/redis-context.js';
import { allOrThrow, call, type Command, plain } from '../connection/command.js';
import { REMOVE, SOFTEN } from '../protocol/entry-scripts.js';
import { SOFTEN_ALL } from '../protocol/group-scripts.js';
import type { TagConjunction } from './tag-conjunction.js';
import type { TrashSweeper } from './trash-sweeper.js';

/*
 * Makes entries invalid (missing for all reads) or stale. Two ways:
 *
 *   by name     keys, patterns, and entries that carry all of several tags: the entry, or its placeholder, is removed
 *               or softened. This fences loads too, because the placeholder holds their lease.
 *   by group    a tag, a namespace, everything: the generation ends, by one short command for any number of entries.
 *               The memory of the entries is freed later (trash-sweeper.ts).
 *
 * Counts are of live entries. They come from the heads of the entries in the first case, and from the index of the
 * group in the second; an entry in several groups is counted once. An index may still name entries that another
 * invalidation, of any process, made invalid a moment ago: while there is trash, the heads of a small group are read
 * too.
 */

/** Entries per round trip. */
const NAMES_PER_TRIP = 200;
/** Largest group that is counted by heads. The index of a larger one may count some invalid entries. */
const COUNTED_BY_HEADS = 1_000;

export class Invalidator {
  readonly #context: RedisContext;
  readonly #conjunctions: TagConjunction;
  readonly #ending: GroupEnding;
  readonly #sweeper: TrashSweeper;

  constructor(context: RedisContext, conjunctions: TagConjunction, ending: GroupEnding, sweeper: TrashSweeper) {
    this.#context = context;
    this.#conjunctions = conjunctions;
    this.#ending = ending;
    this.#sweeper = sweeper;
  }

  /** Invalidates, and returns the number of live entries that it hit. Rejects when the server did not do all of it. */
  run(target: EntryTarget, options: InvalidationOptions): Promise<number> {
    switch (target.kind) {
      case 'keys':
        return this.#byName(
          [...new Set(target.keys)].map((key) => this.#context.keys.entry(key, target.namespace)),
          options,
        );
      case 'tags':
        return this.#tags([...new Set(target.tags)], target.mode, options);
      case 'namespace':
        return this.#sweeper
          .settled()
          .then(() => this.#groups([this.#context.keys.namespace(target.namespace)], options));
      case 'pattern':
        return this.#pattern(target.pattern, target.namespace, options);
      case 'all':
        return this.#sweeper.settled().then(() => this.#groups(this.#context.keys.everything, options));
    }
  }

  async #byName(names: readonly string[], options: InvalidationOptions): Promise<number> {
    let count = 0;
    for (let i = 0; i < names.length; i += NAMES_PER_TRIP)
      count += await this.#someByName(names.slice(i, i + NAMES_PER_TRIP), options);
    return count;
  }

  async #someByName(names: readonly string[], { soft, dryRun }: InvalidationOptions): Promise<number> {
    if (dryRun) return this.#count(await this.#context.reader.heads(names, this.#context.limitMs), soft);
    const script = soft ? SOFTEN : REMOVE;
    const groups = this.#expectedGroups(names);
    const commands = names.map((name) => call(script, [name], ...(soft ? [] : ['']), this.#context.keys.wake));
    const replies = await this.#context.run([...commands, ...groups.map(({ key }) => plain('GET', key))]);
    const heads = allOrThrow(replies.slice(0, names.length)).map(
      (reply) => (soft ? (reply as readonly Buffer[])[1] : reply) as Buffer,
    );
    const texts = replies.slice(names.length).map((reply) => (Buffer.isBuffer(reply) ? reply : null));
    const known: Generations = new Map(
      groups.map((group, i) => [group, recordGeneration(group, texts[i] as Buffer | null)]),
    );
    const count = await this.#count(
      heads.map((head) => (head.length === 0 ? undefined : readHead(head))),
      soft,
      known,
    );
    if (!soft) this.#context.writer.forget(heads);
    return count;
  }

  /**
   * The groups whose generations decide whether the entries are valid, as far as they are known before the entries are
   * read: the same round trip can read them.
   */
  #expectedGroups(names: readonly string[]): Group[] {
    const { keys, reader } = this.#context;
    const groups = names.map((name) => {
      const { key, namespace } = keys.parse(name);
      return keys.groupsOf(key, namespace, reader.tagsOf(key, namespace));
    });
    return [...new Set(groups.flat())];
  }

  async #count(heads: readonly (EntryHead | undefined)[], isSoft: boolean, known?: Generations): Promise<number> {
    const states = await this.#context.reader.statesOf(heads, this.#context.limitMs, known);
    return states.filter((state) => state === 'fresh' || (state === 'stale' && !isSoft)).length;
  }

  async #tags(tags: readonly string[], mode: 'any' | 'all', options: InvalidationOptions): Promise<number> {
    if (tags.length === 0) return 0;
    const groups = tags.map((tag) => this.#context.keys.tag(tag));
    await this.#sweeper.settled();
    const first = options.dryRun ? [] : await this.#ending.forgetEpochs(tags);
    return mode === 'all' && groups.length > 1
      ? this.#conjunction(tags, groups, options, first)
      : this.#groups(groups, options, first);
  }

  async #groups(
    groups: readonly Group[],
    { soft, dryRun }: InvalidationOptions,
    first: readonly Command[] = [],
  ): Promise<number> {
    if (soft) return this.#softenGroups(groups, dryRun, first);
    const ending = await this.#ending.end(groups, dryRun, first);
    const { ended, isSweeping } = ending;
    try {
      return await this.#countEnded(allOrThrow(ended), isSweeping);
    } finally {
      if (!dryRun) this.#ending.sweep(ending);
    }
  }

  async #countEnded(ended: readonly Ended[], isSweeping: boolean): Promise<number> {
    const atMost = ended.reduce((sum, { live }) => sum + live, 0);
    if (isSweeping && atMost <= COUNTED_BY_HEADS)
      return this.#countMembers(ended, false, new Map(ended.map(({ group, generation }) => [group, generation])));
    // The parts of everything share no member.
    return ended.length === 1 || ended[0]?.group.created !== undefined ? atMost : this.#context.walk.union(ended);
  }

  async #softenGroups(groups: readonly Group[], isDryRun: boolean, first: readonly Command[]): Promise<number> {
    const before = await this.#context.reader.generationsOf(groups, this.#context.limitMs);
    const forgotten = isDryRun
      ? []
      : await this.#context.run([...first, ...groups.map(({ key }) => call(SOFTEN_ALL, [key]))]);
    checkForgotten(forgotten.slice(0, first.length));
    allOrThrow(forgotten.slice(first.length));
    return this.#countMembers(groups, true, before);
  }

  /**
   * Counts the live entries that the indexes name, each once.
   * @param before the generations that decide whether an entry is valid
   */
  async #countMembers(
    indexes: readonly { readonly index: string }[],
    isSoft: boolean,
    before: Generations,
  ): Promise<number> {
    const counted = new Set<string>();
    let count = 0;
    for (const { index } of indexes) {
      for await (const members of this.#context.walk.members(index)) {
        const unseen = members.filter((member) => !counted.has(member));
        unseen.forEach((member) => counted.add(member));
        const heads = await this.#context.reader.heads(
          unseen.map((member) => this.#context.keys.entryPrefix + member),
          this.#context.limitMs,
        );
        count += await this.#count(heads, isSoft, new Map(before));
      }
    }
    return count;
  }

  async #conjunction(
    tags: readonly string[],
    groups: readonly Group[],
    options: InvalidationOptions,
    first: readonly Command[],
  ): Promise<number> {
    const answers = await this.#context.run([...first, ...groups.map(({ index }) => plain('ZCARD', index))]);
    checkForgotten(answers.slice(0, first.length));
    const sizes = allOrThrow(answers.slice(first.length)) as readonly number[];
    const rarest = groups[sizes.indexOf(Math.min(...sizes))] as Group;
    return this.#conjunctions.run(tags, rarest, options);
  }

  async #pattern(pattern: string, namespace: string | undefined, options: InvalidationOptions): Promise<number> {
    const isMatch = compileGlob(pattern);
    const scope = this.#context.keys.entry('', namespace);
    let count = 0;
    for await (const names of this.#context.walk.names(scope, pattern)) {
      count += await this.#byName(
        names.filter((name) => isMatch(name.slice(scope.length))),
        options,
      );
    }
    return count;
  }
}
