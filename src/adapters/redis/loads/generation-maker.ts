import { recordGeneration, type Generations } from '../entries/entry-validity.js';
import { type Generation, newGeneration } from '../protocol/generation.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisLink } from '../connection/redis-link.js';
import { type Command, plain, type Reply } from '../connection/command.js';
import { KEEP_MS } from './lease-keeper.js';

/**
 * Makes the generations that groups lack. When several processes do so at once, the generation of the first one stays.
 * Loads of this process share the requests that are under way: the generation in the reply was valid after these loads
 * began, or it is valid nowhere.
 */
export class GenerationMaker {
  readonly #pending = new Map<Group, Promise<Generation | Error | undefined>>();

  readonly #link: RedisLink;

  constructor(link: RedisLink) {
    this.#link = link;
  }

  /**
   * Makes those of `generations` that are missing and adds them. Rejects when the server cannot read one of them.
   * @param foreign groups under whose generation key there is other data, which is removed
   */
  async complete(generations: Generations, foreign: ReadonlySet<Group>, limitMs: () => number): Promise<void> {
    const missing = [...generations].flatMap(([group, generation]) => (generation === undefined ? [group] : []));
    const unrequested = missing.filter((group) => !this.#pending.has(group));
    if (unrequested.length > 0) this.#request(unrequested, foreign, limitMs());
    await Promise.all(
      missing.map(async (group) => {
        const generation = await this.#pending.get(group);
        if (generation instanceof Error) throw generation;
        generations.set(group, generation);
      }),
    );
  }

  #request(groups: readonly Group[], foreign: ReadonlySet<Group>, limitMs: number): void {
    const removals = groups.filter((group) => foreign.has(group)).map(({ key }) => plain('UNLINK', key));
    const made = this.#link
      .run([...removals, ...creations(groups)], limitMs)
      .then((replies) => generationsIn(replies.slice(removals.length), groups));
    groups.forEach((group, i) => {
      const generation = made.then((generations) => generations[i]);
      this.#pending.set(group, generation);
      generation.catch(() => undefined).finally(() => this.#pending.delete(group));
    });
  }
}

/** Creates the generation of a group unless it has one. */
export function creation({ key }: Group): Command {
  return plain('SET', key, newGeneration().text, 'PX', KEEP_MS, 'NX');
}

/** For each group, creates its generation unless it has one, and reads it. `generationsIn` reads the replies. */
export function creations(groups: readonly Group[]): Command[] {
  return groups.flatMap((group) => [creation(group), plain('GET', group.key)]);
}

/** The generations in the replies to `creations`, in the order of the groups. */
export function generationsIn(replies: readonly Reply[], groups: readonly Group[]): (Generation | Error | undefined)[] {
  return groups.map((group, i) => {
    const text = replies[2 * i + 1] as Buffer | Error | null;
    return text instanceof Error ? text : recordGeneration(group, text);
  });
}
