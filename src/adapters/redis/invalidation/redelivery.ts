import { checkForgotten, type GroupEnding } from './group-ending.js';
import type { EntryTarget } from '../../../core/ports/invalidation-target.js';
import type { Invalidator } from './invalidator.js';
import type { Courier, Invalidation } from './outbox.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call } from '../connection/command.js';
import { REMOVE, SOFTEN } from '../protocol/entry-scripts.js';
import { SOFTEN_ALL } from '../protocol/group-scripts.js';

/** Keys, or tags and namespaces, per pipeline. */
const TOGETHER = 200;

/**
 * Sends queued invalidations again. It does not count entries, so many go in one pipeline; the invalidations for one
 * server do not wait for those for another.
 */
export class Redelivery implements Courier {
  readonly #context: RedisContext;
  readonly #invalidator: Invalidator;
  readonly #ending: GroupEnding;

  constructor(context: RedisContext, invalidator: Invalidator, ending: GroupEnding) {
    this.#context = context;
    this.#invalidator = invalidator;
    this.#ending = ending;
  }

  isUp(): boolean {
    return this.#context.link.isUp();
  }

  laneOf(target: EntryTarget): string {
    const { keys } = this.#context;
    if (target.kind === 'keys')
      return `keys ${this.#context.wire.serverOf(keys.entry(target.keys[0] as string, target.namespace))}`;
    const group = this.#groupOf(target);
    return group === undefined ? 'others' : `groups ${this.#context.wire.serverOf(group.key)}`;
  }

  batchOf(lane: string): number {
    return lane === 'others' ? 1 : TOGETHER;
  }

  async send(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]> {
    const [first] = invalidations;
    if (first === undefined) return [];
    if (first.target.kind === 'keys') return this.#sendKeys(invalidations);
    if (this.#groupOf(first.target) !== undefined) return this.#sendGroups(invalidations);
    await this.#invalidator.run(first.target, { soft: first.isSoft, dryRun: false });
    return [];
  }

  async #sendKeys(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]> {
    const { keys, writer } = this.#context;
    const commands = invalidations.map(({ target, isSoft }) => {
      const {
        keys: [key = ''],
        namespace,
      } = target as EntryTarget & { kind: 'keys' };
      const name = keys.entry(key, namespace);
      return isSoft ? call(SOFTEN, [name], keys.wake) : call(REMOVE, [name], '', keys.wake);
    });
    const replies = await this.#context.run(commands);
    writer.forget(replies.filter((_, i) => invalidations[i]?.isSoft === false));
    return failedOf(invalidations, replies);
  }

  async #sendGroups(invalidations: readonly Invalidation[]): Promise<readonly Invalidation[]> {
    const epochs = await this.#ending.forgetEpochs(
      invalidations.flatMap(({ target }) => (target.kind === 'tags' ? target.tags : [])),
    );
    checkForgotten(epochs.length === 0 ? [] : await this.#context.run(epochs));
    const hard = invalidations.filter(({ isSoft }) => !isSoft);
    const soft = invalidations.filter(({ isSoft }) => isSoft);
    const softened =
      soft.length === 0 ? [] : await this.#context.run(this.#groupsOf(soft).map(({ key }) => call(SOFTEN_ALL, [key])));
    if (hard.length === 0) return failedOf(soft, softened);
    const ending = await this.#ending.end(this.#groupsOf(hard), false);
    this.#ending.sweep(ending);
    return [...failedOf(soft, softened), ...failedOf(hard, ending.ended)];
  }

  #groupsOf(invalidations: readonly Invalidation[]): Group[] {
    return invalidations.map(({ target }) => this.#groupOf(target) as Group);
  }

  /** The group of one tag or of a namespace; `undefined` for other targets. */
  #groupOf(target: EntryTarget): Group | undefined {
    if (target.kind === 'namespace') return this.#context.keys.namespace(target.namespace);
    return target.kind === 'tags' && target.mode === 'any'
      ? this.#context.keys.tag(target.tags[0] as string)
      : undefined;
  }
}

function failedOf(invalidations: readonly Invalidation[], answers: readonly unknown[]): Invalidation[] {
  return invalidations.filter((_, i) => answers[i] instanceof Error);
}
