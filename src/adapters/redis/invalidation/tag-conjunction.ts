import type { Generations } from '../entries/entry-reader.js';
import { type EntryHead, markPlace } from '../protocol/entry-record.js';
import { ID_LENGTH, randomId, readGeneration } from '../protocol/generation.js';
import { readHeads } from '../entries/head-reader.js';
import type { Group } from '../protocol/redis-keys.js';
import type { How, RedisParts } from '../entries/redis-parts.js';
import { call, type Command } from '../connection/redis-wire.js';
import { REMARK, REMOVE, REPLACE, SOFTEN } from '../protocol/scripts.js';

/**
 * Invalidates the entries that carry all of several tags. They are found by the rarest of these, in time that grows
 * with its members. But a load that is under way is in no index, and its result must not show up behind the walk. So
 * the generation of the rarest tag gets another id first: all its entries are out of view, and all its loads are
 * refused. The walk then removes the entries it was sent for and marks the others anew; until it has come to them they
 * are misses.
 */
export class TagConjunction {
  constructor(private readonly parts: RedisParts) {}

  /** How many live entries it took out of view. @param rarest the group of one of `tags` */
  async run(tags: readonly string[], rarest: Group, how: How): Promise<number> {
    const id = randomId();
    const before: Generations = how.dryRun
      ? await this.parts.reader.generationsOf([rarest], this.parts.limitMs)
      : await this.#replace(rarest, id);
    let count = 0;
    for await (const members of this.parts.walk.members(rarest.index)) {
      const names = members.map((member) => this.parts.keys.entryPrefix + member);
      const heads = await readHeads(this.parts.link, names, this.parts.limitMs);
      const isHit = heads.map((head) => tags.every((tag) => head?.tags.includes(tag)));
      const states = await this.parts.reader.statesOf(
        heads.map((head, i) => (isHit[i] === true ? head : undefined)),
        this.parts.limitMs,
        new Map(before),
      );
      count += states.filter((state) => state === 'fresh' || (state === 'stale' && !how.soft)).length;
      if (how.dryRun) continue;
      const oldId = before.get(rarest)?.mark.slice(0, ID_LENGTH) ?? '';
      const commands = heads.flatMap((head, i) =>
        head === undefined
          ? []
          : this.#commands(names[i] as string, head, isHit[i] === true ? how : undefined, { rarest, oldId, id }),
      );
      this.parts.writer.forget(await this.parts.link.ask(commands, this.parts.limitMs));
    }
    return count;
  }

  async #replace(group: Group, id: string): Promise<Generations> {
    const [text] = await this.parts.link.ask([call(REPLACE, [group.key], id)], this.parts.limitMs);
    group.known = undefined;
    return new Map([[group, readGeneration((text as Buffer).toString('latin1'))]]);
  }

  /** What becomes of one entry. @param how absent where it is not one of those that are meant */
  #commands(
    name: string,
    head: EntryHead,
    how: How | undefined,
    ids: { rarest: Group; oldId: string; id: string },
  ): Command[] {
    if (how?.soft === false) return [call(REMOVE, [name], head.revision, this.parts.keys.wake)];
    const place = this.parts.keys.groupsOf(head.key, head.namespace, head.tags).indexOf(ids.rarest);
    const remark = place < 0 ? [] : [call(REMARK, [name], head.revision, markPlace(place), ids.oldId, ids.id)];
    return how === undefined ? remark : [call(SOFTEN, [name], this.parts.keys.wake), ...remark];
  }
}
