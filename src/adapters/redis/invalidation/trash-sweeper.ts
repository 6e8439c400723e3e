import type { Timer } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import type { EntryHead } from '../protocol/entry-record.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, plain, type Reply, yielding } from '../connection/command.js';
import { REMOVE } from '../protocol/entry-scripts.js';

/** Entries freed per round trip. */
const ENTRIES_PER_TRIP = 200;
/** Interval of the search for trash that other processes have left behind. */
const ADOPT_EVERY_MS = 60_000;
const RETRY_AFTER_MS = 1_000;
/** Time that an invalidation waits for an exact count. */
const PATIENCE_MS = 2;

/**
 * Frees the memory of entries whose group was invalidated. Only memory and counts depend on it: reads treat such
 * entries as missing already. It takes the names from the trash, checks that each entry is still invalid (it may have
 * been stored again), removes that revision, and strikes the name off. So it may stop at any step, and two processes
 * may sweep at the same time.
 */
export class TrashSweeper {
  readonly #queue = new Set<string>();
  #sweeping: Promise<void> | undefined;
  #isClosed = false;
  #retry: Timer | undefined;
  #adoption: Timer | undefined;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
  }

  /**
   * Resolves when no entry waits to be freed, or after PATIENCE_MS. Until an entry is freed, the other groups that it
   * is in count it.
   */
  async settled(): Promise<void> {
    if (this.#sweeping === undefined || this.#isClosed) return;
    await settledWithin(this.#context.clock, PATIENCE_MS, this.#sweeping);
  }

  /** Resolves when no entry waits to be freed, however long that takes. */
  async done(): Promise<void> {
    await this.#sweeping;
  }

  /** True while indexes of other groups may name entries that this process has invalidated. */
  isAtWork(): boolean {
    return this.#queue.size > 0;
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#queue.add(name);
    this.#sweep();
  }

  /** Strikes off names of trash that does not exist. No caller waits for it. */
  strike(names: readonly string[]): void {
    if (names.length > 0) this.#context.link.post([plain('SREM', this.#context.keys.trash, ...names)]);
  }

  /** Takes over the trash that other processes have left behind; again each ADOPT_EVERY_MS until closed. */
  async adopt(): Promise<void> {
    if (this.#isClosed) return;
    this.#adoption?.cancel();
    this.#adoption = this.#context.clock.schedule(ADOPT_EVERY_MS, () => void this.adopt());
    if (!this.#context.link.isUp()) return;
    try {
      const [names] = await this.#context.run([plain('SMEMBERS', this.#context.keys.trash)]);
      if (Array.isArray(names)) this.add(names.map(String));
    } catch (error) {
      this.#context.onError(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
    this.#retry?.cancel();
    this.#adoption?.cancel();
  }

  #sweep(): void {
    this.#sweeping ??= this.#sweepAll().finally(() => (this.#sweeping = undefined));
  }

  async #sweepAll(): Promise<void> {
    try {
      for (const name of this.#queue) {
        await this.#sweepOne(name);
        this.#queue.delete(name);
      }
    } catch {
      // The link reports its own faults; the rest of the trash is found again.
      if (this.#isClosed) return;
      this.#retry?.cancel();
      this.#retry = this.#context.clock.schedule(RETRY_AFTER_MS, () => this.#sweep());
    }
  }

  async #sweepOne(name: string): Promise<void> {
    if (this.#context.keys.isIndex(name)) return this.#sweepIndex(name);
    for (let members = await this.#firstMembers(name); members.length > 0; members = await this.#firstMembers(name)) {
      if (this.#isClosed) return;
      // While a name is in the trash, members of other groups are counted by their heads. So the name stays until these
      // groups have lost the members too.
      const { leave } = await this.#free(members);
      await this.#context.run([plain('ZREM', name, ...members), ...leave]);
    }
    this.#context.link.post([
      plain('SREM', this.#context.keys.trash, name),
      ...this.#context.writer.retireCommands(this.#context.keys.groupOfTrash(name)),
    ]);
  }

  /**
   * Sweeps an index that is still in use, because its slot was moving when its group was invalidated: only members
   * without an entry are struck off. Its name stays in the trash until the slot has moved.
   */
  async #sweepIndex(index: string): Promise<void> {
    const { keys, walk, writer } = this.#context;
    const group = keys.groupOfTrash(index);
    for await (const members of walk.members(index)) {
      if (this.#isClosed) return;
      const { gone, leave } = await this.#free(members, [group]);
      const strike =
        gone.length === 0
          ? []
          : [index, ...(group.created === undefined ? [] : [group.created])].map((key) => plain('ZREM', key, ...gone));
      await this.#context.run([...strike, ...leave]);
    }
    const replies = await this.#context.run(writer.retireCommands(group).map(yielding));
    if (replies.every((reply) => !(reply instanceof Error))) this.strike([index]);
  }

  async #firstMembers(name: string): Promise<string[]> {
    const [members] = await this.#context.ask([plain('ZRANGE', name, 0, ENTRIES_PER_TRIP - 1)]);
    return (members as Reply[]).map(String);
  }

  /**
   * Removes the entries of members that are still invalid.
   * @returns the members without an entry, and the commands that take the removed entries out of their groups, except
   * `kept`
   */
  async #free(
    members: readonly string[],
    kept: readonly Group[] = [],
  ): Promise<{ gone: readonly string[]; leave: readonly Command[] }> {
    const names = members.map((member) => this.#context.keys.entryPrefix + member);
    const heads = await this.#context.reader.heads(names, this.#context.limitMs);
    const states = await this.#context.reader.statesOf(heads, this.#context.limitMs);
    const places = names.flatMap((_, i) => (heads[i] !== undefined && states[i] === 'invalid' ? [i] : []));
    const removals = places.map((i) =>
      call(REMOVE, [names[i] as string], (heads[i] as EntryHead).revision, this.#context.keys.wake),
    );
    const removed = removals.length === 0 ? [] : await this.#context.run(removals);
    const isRemoved = new Set(places.filter((_, i) => Buffer.isBuffer(removed[i]) && removed[i].length > 0));
    const gone = members.filter((_, i) => heads[i] === undefined || isRemoved.has(i));
    return { gone, leave: this.#context.writer.forgetCommands(removed, kept).map(yielding) };
  }
}
