import type { Timer } from '../../../core/ports/clock.port.js';
import { settledWithin } from '../../../core/ports/grace.js';
import type { EntryHead } from '../protocol/entry-record.js';
import { readHeads } from '../entries/head-reader.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call, type Command, plain, type Reply, yielding } from '../connection/redis-wire.js';
import { REMOVE } from '../protocol/scripts.js';

/** So many entries are freed in one go. */
const BATCH = 200;
/** How often one looks for trash that others have left behind. */
const ADOPT_EVERY_MS = 60_000;
const RETRY_AFTER_MS = 1_000;
/** How long an exact count is worth waiting for. */
const PATIENCE_MS = 2;

/**
 * Frees the memory of entries whose group was invalidated. Nothing depends on it but memory and counts: such entries
 * are out of view already. It takes the names from the trash, looks whether each is still invalid (it may have been
 * stored anew), removes it if it is what was looked at, and strikes it off; so it may stop anywhere, and two may do it
 * at once.
 */
export class TrashSweeper {
  readonly #queue = new Set<string>();
  #sweeping: Promise<void> | undefined;
  #isClosed = false;
  #retry: Timer | undefined;
  #look: Timer | undefined;

  constructor(private readonly context: RedisContext) {}

  /**
   * Resolves when nothing waits to be freed, or after a moment. Until then entries that one group made invalid are
   * still counted in others.
   */
  async settled(): Promise<void> {
    if (this.#sweeping === undefined || this.#isClosed) return;
    await settledWithin(this.context.clock, PATIENCE_MS, this.#sweeping);
  }

  /** Resolves when nothing waits to be freed, however long that takes. */
  async done(): Promise<void> {
    await this.#sweeping;
  }

  /** Whether entries of groups that this process made invalid may still be named in the indexes of others. */
  isAtWork(): boolean {
    return this.#queue.size > 0;
  }

  add(names: readonly string[]): void {
    for (const name of names) this.#queue.add(name);
    this.#sweep();
  }

  /** Strikes off names under which there turned out to be nothing. Nobody waits for it. */
  strike(names: readonly string[]): void {
    if (names.length > 0) this.context.link.post([plain('SREM', this.context.keys.trash, ...names)]);
  }

  /** Looks for what other processes have left behind, now and then until it is closed. */
  async adopt(): Promise<void> {
    if (this.#isClosed) return;
    this.#look?.cancel();
    this.#look = this.context.clock.schedule(ADOPT_EVERY_MS, () => void this.adopt());
    if (!this.context.link.isUp()) return;
    try {
      const [names] = await this.context.run([plain('SMEMBERS', this.context.keys.trash)]);
      if (Array.isArray(names)) this.add(names.map(String));
    } catch (error) {
      this.context.onError(error);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#queue.clear();
    this.#retry?.cancel();
    this.#look?.cancel();
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
      // The link tells of its own faults; what is left is found again.
      if (this.#isClosed) return;
      this.#retry?.cancel();
      this.#retry = this.context.clock.schedule(RETRY_AFTER_MS, () => this.#sweep());
    }
  }

  async #sweepOne(name: string): Promise<void> {
    if (this.context.keys.isIndex(name)) return this.#sweepIndex(name);
    for (let members = await this.#some(name); members.length > 0; members = await this.#some(name)) {
      if (this.#isClosed) return;
      // While a name is among the trash, the members of other groups are counted with care: so it stays until these
      // have heard of it.
      const { leave } = await this.#free(members);
      await this.context.run([plain('ZREM', name, ...members), ...leave]);
    }
    this.context.link.post([
      plain('SREM', this.context.keys.trash, name),
      ...this.context.writer.retireCommands(this.context.keys.groupOfTrash(name)),
    ]);
  }

  /**
   * An index whose slot was on its way when its group was made invalid, and still serves: only what is gone is struck
   * off. Its name stays among the trash until the slot has arrived.
   */
  async #sweepIndex(index: string): Promise<void> {
    const { keys, walk, writer } = this.context;
    const group = keys.groupOfTrash(index);
    for await (const members of walk.members(index)) {
      if (this.#isClosed) return;
      const { gone, leave } = await this.#free(members, [group]);
      const strike =
        gone.length === 0
          ? []
          : [index, ...(group.created === undefined ? [] : [group.created])].map((key) => plain('ZREM', key, ...gone));
      await this.context.run([...strike, ...leave]);
    }
    const replies = await this.context.run(writer.retireCommands(group).map(yielding));
    if (replies.every((reply) => !(reply instanceof Error))) this.strike([index]);
  }

  async #some(name: string): Promise<string[]> {
    const [members] = await this.context.ask([plain('ZRANGE', name, 0, BATCH - 1)]);
    return (members as Reply[]).map(String);
  }

  /**
   * @returns the members under whose names there is nothing any more, and what takes the removed entries out of their
   * groups but `kept`
   */
  async #free(
    members: readonly string[],
    kept: readonly Group[] = [],
  ): Promise<{ gone: readonly string[]; leave: readonly Command[] }> {
    const names = members.map((member) => this.context.keys.entryPrefix + member);
    const heads = await readHeads(this.context.link, names, this.context.limitMs);
    const states = await this.context.reader.statesOf(heads, this.context.limitMs);
    const places = names.flatMap((_, i) => (heads[i] !== undefined && states[i] === 'invalid' ? [i] : []));
    const removals = places.map((i) =>
      call(REMOVE, [names[i] as string], (heads[i] as EntryHead).revision, this.context.keys.wake),
    );
    const removed = removals.length === 0 ? [] : await this.context.run(removals);
    const isRemoved = new Set(places.filter((_, i) => Buffer.isBuffer(removed[i]) && removed[i].length > 0));
    const gone = members.filter((_, i) => heads[i] === undefined || isRemoved.has(i));
    return { gone, leave: this.context.writer.forgetCommands(removed, kept).map(yielding) };
  }
}
