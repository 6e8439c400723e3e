import type { Generations } from '../entries/entry-validity.js';
import { type EntryHead, markPlace } from '../protocol/entry-record.js';
import { ID_LENGTH, randomId, readGeneration } from '../protocol/generation.js';
import type { Group } from '../protocol/redis-keys.js';
import type { InvalidationOptions } from './invalidation-options.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command } from '../connection/command.js';
import { REMOVE, SOFTEN } from '../protocol/entry-scripts.js';
import { REMARK, REPLACE } from '../protocol/group-scripts.js';

/**
 * Invalidates the entries that carry all of several tags. A walk over the members of the rarest tag finds them, in time
 * that grows with their number. But a running load is in no index, and its result must not appear after the walk has
 * passed. So the generation of the rarest tag first gets a new id: all its entries become invalid, and the results of
 * all its loads are refused. The walk then removes or softens the entries that carry all tags, and gives the others the
 * new mark; until the walk reaches them they are misses.
 */
export class TagConjunction {
  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
  }

  /** Invalidates, and returns the number of live entries that it hit. @param rarest the group of one of `tags` */
  async run(tags: readonly string[], rarest: Group, options: InvalidationOptions): Promise<number> {
    const id = randomId();
    const before: Generations = options.dryRun
      ? await this.#context.reader.generationsOf([rarest], this.#context.limitMs)
      : await this.#replace(rarest, id);
    let count = 0;
    for await (const members of this.#context.walk.members(rarest.index)) {
      const names = members.map((member) => this.#context.keys.entryPrefix + member);
      const heads = await this.#context.reader.heads(names, this.#context.limitMs);
      const isHit = heads.map((head) => tags.every((tag) => head?.tags.includes(tag)));
      const states = await this.#context.reader.statesOf(
        heads.map((head, i) => (isHit[i] === true ? head : undefined)),
        this.#context.limitMs,
        new Map(before),
      );
      count += states.filter((state) => state === 'fresh' || (state === 'stale' && !options.soft)).length;
      if (options.dryRun) continue;
      const oldId = before.get(rarest)?.mark.slice(0, ID_LENGTH) ?? '';
      const commands = heads.flatMap((head, i) =>
        head === undefined
          ? []
          : this.#commands(names[i] as string, head, isHit[i] === true ? options : undefined, { rarest, oldId, id }),
      );
      this.#context.writer.forget(await this.#context.ask(commands));
    }
    return count;
  }

  async #replace(group: Group, id: string): Promise<Generations> {
    const [text] = await this.#context.ask([call(REPLACE, [group.key], id)]);
    group.known = undefined;
    return new Map([[group, readGeneration((text as Buffer).toString('latin1'))]]);
  }

  /** The commands for one entry. @param options absent when the entry does not carry all tags */
  #commands(
    name: string,
    head: EntryHead,
    options: InvalidationOptions | undefined,
    ids: { rarest: Group; oldId: string; id: string },
  ): Command[] {
    if (options?.soft === false) return [call(REMOVE, [name], head.revision, this.#context.keys.wake)];
    const place = this.#context.keys.groupsOf(head.key, head.namespace, head.tags).indexOf(ids.rarest);
    const remark = place < 0 ? [] : [call(REMARK, [name], head.revision, markPlace(place), ids.oldId, ids.id)];
    return options === undefined ? remark : [call(SOFTEN, [name], this.#context.keys.wake), ...remark];
  }
}
