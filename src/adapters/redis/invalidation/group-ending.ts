import type { CountedIndex } from '../entries/entry-walk.js';
import { epochPartOf, type Generation, randomId, readGeneration } from '../protocol/generation.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, isOnItsWay, plain, type Reply, yielding } from '../connection/command.js';
import { END, REPLACE } from '../protocol/group-scripts.js';
import type { TrashSweeper } from './trash-sweeper.js';

/** A group that an invalidation has ended, or that a dry run has counted. */
export interface Ended extends CountedIndex {
  readonly group: Group;
  /** The generation before. */
  readonly generation: Generation | undefined;
  /** True when entries of its index, which may be in the trash, must still be freed. */
  readonly isTrash: boolean;
}

export interface Ending {
  /** In the order of the groups; an error for each group that the server did not end. */
  readonly ended: readonly (Ended | Error)[];
  /** True when indexes may name entries that were invalid already. */
  readonly isSweeping: boolean;
}

/** Ends the generations of groups, and lets the sweeper free their entries. */
export class GroupEnding {
  readonly #context: RedisContext;
  readonly #sweeper: TrashSweeper;

  constructor(context: RedisContext, sweeper: TrashSweeper) {
    this.#context = context;
    this.#sweeper = sweeper;
  }

  /**
   * Removes the epochs of tags. That must happen before their generations end (generation.ts). In a cluster it is done
   * here; for one server this returns commands that must come first in the next pipeline.
   */
  async forgetEpochs(tags: readonly string[]): Promise<readonly Command[]> {
    if (tags.length === 0) return [];
    const epochs = plain('HDEL', this.#context.keys.epochs, ...new Set(tags.map((tag) => String(epochPartOf(tag)))));
    if (!this.#context.isCluster) return [epochs];
    checkForgotten(await this.#context.run([epochs]));
    return [];
  }

  /** @param first the commands that `forgetEpochs` has returned */
  async end(groups: readonly Group[], isDryRun: boolean, first: readonly Command[] = []): Promise<Ending> {
    const ends = groups.map((group) => ({ group, trash: group.trash(randomId()) }));
    const commands = ends.map(({ group, trash }) =>
      yielding(
        call(
          END,
          [group.key, group.index, trash, ...(group.created === undefined ? [] : [group.created])],
          isDryRun ? 1 : 0,
        ),
      ),
    );
    const isAtWork = this.#sweeper.isAtWork();
    const hasTrash = plain('EXISTS', this.#context.keys.trash);
    // Registered before it exists: a process that dies in between leaves a name without trash, not trash without a
    // name. A server that is out of memory refuses the registration; then only this process knows the name.
    const register = isDryRun ? [] : [plain('SADD', this.#context.keys.trash, ...ends.map(({ trash }) => trash))];
    const answers = await this.#context.run([...first, hasTrash, ...register, ...commands]);
    checkForgotten(answers.slice(0, first.length));
    const replies = answers.slice(first.length + 1 + register.length);
    const ended = ends.map(({ group, trash }, i) =>
      endedBy(replies[i] as Reply, group, isDryRun ? group.index : trash),
    );
    if (ended.some(isOnItsWay)) await this.#endMoving(ended, ends, isDryRun);
    if (!isDryRun) for (const group of groups) group.known = undefined;
    return { ended, isSweeping: isAtWork || answers[first.length] === 1 };
  }

  /**
   * Ends groups whose slot is moving to another server, in steps of one key each. The generation gets a new id instead
   * of being removed: it stays in the same slot as the index, and entries can be stored. The index cannot be renamed;
   * the sweeper walks it in its place.
   */
  async #endMoving(
    ended: (Ended | Error)[],
    ends: readonly { group: Group; trash: string }[],
    isDryRun: boolean,
  ): Promise<void> {
    const places = ended.flatMap((each, i) => (isOnItsWay(each) ? [i] : []));
    const moving = places.map((i) => ends[i] as { group: Group; trash: string });
    const afterMs = `(${Math.floor(this.#context.link.time.nowMs())}`;
    const steps = moving.flatMap(({ group: { key, index } }) => [
      isDryRun ? plain('GET', key) : call(REPLACE, [key], randomId()),
      plain('ZCOUNT', index, afterMs, '+inf'),
    ]);
    const register = isDryRun
      ? []
      : [plain('SADD', this.#context.keys.trash, ...moving.map(({ group }) => group.index))];
    const replies = (await this.#context.run([...register, ...steps])).slice(register.length);
    moving.forEach(({ group }, i) => {
      const [text, live] = replies.slice(2 * i) as [Reply, Reply];
      ended[places[i] as number] = endedInSteps(text, live, group);
    });
    if (!isDryRun) this.#sweeper.strike(moving.map(({ trash }) => trash));
  }

  /** Lets the sweeper free the entries of ended groups. */
  sweep({ ended }: Ending): void {
    const done = ended.filter((each): each is Ended => !(each instanceof Error));
    this.#sweeper.add(done.filter(({ isTrash }) => isTrash).map(({ index }) => index));
    this.#sweeper.strike(done.filter(({ isTrash }) => !isTrash).map(({ index }) => index));
  }
}

function endedBy(reply: Reply, group: Group, index: string): Ended | Error {
  if (reply instanceof Error) return reply;
  const [live, isTrash, text] = reply as [number, number, Buffer];
  return { group, index, live, isTrash: isTrash === 1, generation: readGeneration(text.toString('latin1')) };
}

function endedInSteps(text: Reply, live: Reply, group: Group): Ended | Error {
  if (text instanceof Error) return text;
  const generation = readGeneration(Buffer.isBuffer(text) ? text.toString('latin1') : undefined);
  return { group, index: group.index, live: typeof live === 'number' ? live : 0, isTrash: true, generation };
}

/** Throws unless the epochs are removed. A key of another type holds none. */
export function checkForgotten(replies: readonly Reply[]): void {
  for (const reply of replies) if (reply instanceof Error && !reply.message.startsWith('WRONGTYPE')) throw reply;
}
