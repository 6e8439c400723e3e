import type { LoadRequest } from '../../../core/ports/cache-adapter.port.js';
import { OWN_LAG_MS } from '../connection/deadlines.js';
import { type Generations, seen } from '../entries/entry-reader.js';
import type { RedisContext } from '../entries/redis-context.js';
import { randomId } from '../protocol/generation.js';
import { creation, GenerationMaker } from './generation-maker.js';
import { KEEP_MS, LEASE_MS } from './lease-keeper.js';
import type { RedisEntry } from '../entries/redis-entry.js';
import type { Group } from '../protocol/redis-keys.js';
import { call, type Command, plain, type Reply } from '../connection/redis-wire.js';
import { ACQUIRE, EPOCHS, RELEASE } from '../protocol/scripts.js';
import { EPOCH_PARTS } from '../protocol/tag-epochs.js';

/** What came of asking for the lease of one key. */
export type Lease =
  | {
      readonly state: 'granted';
      readonly token: string;
      readonly isOwn: boolean;
      readonly current: RedisEntry | undefined;
    }
  | { readonly state: 'found'; readonly entry: RedisEntry }
  | { readonly state: 'held'; readonly leftMs: number };

/** What is true of the server when a load begins, to be compared with when it ends. */
export interface Opening {
  readonly leases: readonly Lease[];
  readonly generations: Generations;
  /** Of the parts of all tags; `undefined` where the load computes none. */
  readonly epochs: readonly string[] | undefined;
}

interface Asked {
  readonly key: string;
  readonly name: string;
  /** A revision that may be replaced. */
  useless: string;
}

interface Load {
  readonly namespace: string | undefined;
  readonly request: LoadRequest;
  readonly token: string;
  readonly generations: Generations;
}

type AcquireReply = readonly [state: Buffer, detail: Buffer | number, entry?: Buffer];

/**
 * Begins loads: asks for the leases of keys, and for the generations that their results will be marked with, in one
 * round trip. More are needed only where a generation does not exist yet, or where somebody has stored an entry that
 * this process has not seen.
 */
export class LoadOpener {
  readonly #maker: GenerationMaker;

  constructor(private readonly context: RedisContext) {
    this.#maker = new GenerationMaker(context.link);
  }

  /** @param remainingMs the limit of all that this may take, asked for before each round trip */
  async open(
    keys: readonly string[],
    namespace: string | undefined,
    request: LoadRequest,
    remainingMs: () => number,
  ): Promise<Opening> {
    if (keys.length === 0) return { leases: [], generations: new Map(), epochs: undefined };
    const token = randomId();
    try {
      return await this.#open(keys, { namespace, request, token, generations: new Map() }, remainingMs);
    } catch (error) {
      // Some may have been given all the same; nobody must wait for them.
      this.#giveBack(
        keys.map((key) => this.context.keys.entry(key, namespace)),
        token,
      );
      throw error;
    }
  }

  #giveBack(names: readonly string[], token: string): void {
    this.context.link.post(names.map((name) => call(RELEASE, [name], token, this.context.keys.wake)));
  }

  async #open(keys: readonly string[], load: Load, remainingMs: () => number): Promise<Opening> {
    const { namespace, request, token } = load;
    const asked = keys.map((key) => ({
      key,
      name: this.context.keys.entry(key, namespace),
      useless: this.context.reader.uselessRevision(key, namespace),
    }));
    const groups = this.#groupsOf(keys, namespace, request);
    const ids = request.computesTags
      ? [call(EPOCHS, [this.context.keys.epochs], KEEP_MS, randomId(), EPOCH_PARTS)]
      : [];
    const acquires = asked.map((each) => this.#acquire(each, request, token, remainingMs()));
    // Asked for as strings one by one, not together: with the scripts they are one round trip in a cluster, too.
    const reads = groups.map(({ key }) => plain('GET', key));
    return this.#answered(
      asked,
      groups,
      [...acquires, ...ids, ...this.#beginnings(groups), ...reads],
      load,
      remainingMs,
    );
  }

  async #answered(
    asked: readonly Asked[],
    groups: readonly Group[],
    commands: readonly Command[],
    load: Load,
    remainingMs: () => number,
  ): Promise<Opening> {
    const { generations } = load;
    const replies = await this.#run(commands, asked, load.token, remainingMs());
    const firstRead = commands.length - groups.length;
    const foreign = new Set<Group>();
    groups.forEach((group, i) => {
      const reply = replies[firstRead + i] as Reply;
      const generation = seen(group, bytesIn(reply));
      generations.set(group, generation);
      if (generation === undefined && reply !== null) foreign.add(group);
    });
    const leases = await this.#leases(asked, replies, load, remainingMs);
    if (leases.some(({ state }) => state === 'granted')) await this.#maker.complete(generations, foreign, remainingMs);
    const epochs = load.request.computesTags ? textsIn(replies[asked.length] as Reply) : undefined;
    return { leases, generations, epochs };
  }

  /**
   * Makes the generations of groups that are not known to have one: what is read behind that is there, unless somebody
   * ends it in between.
   */
  #beginnings(groups: readonly Group[]): Command[] {
    return groups.filter(({ known }) => known === undefined).map(creation);
  }

  /**
   * Asks for leases, among other things. One that is given after the limit belongs to nobody, and was not there yet
   * when all were given back: a command that a cluster sends from server to server may be run behind one that was sent
   * later.
   */
  #run(
    commands: readonly Command[],
    asked: readonly Asked[],
    token: string,
    limitMs: number,
  ): Promise<readonly Reply[]> {
    return this.context.link.run(commands, limitMs, () =>
      this.#giveBack(
        asked.map(({ name }) => name),
        token,
      ),
    );
  }

  /**
   * The groups that a result is expected to be in: those of the key, of known tags, and of those it had the last time.
   */
  #groupsOf(keys: readonly string[], namespace: string | undefined, { tags, computesTags }: LoadRequest): Group[] {
    const groups = new Set<Group>();
    for (const key of keys) {
      const expected = computesTags ? [...tags, ...this.context.reader.tagsOf(key, namespace)] : tags;
      for (const group of this.context.keys.groupsOf(key, namespace, expected)) groups.add(group);
    }
    return [...groups];
  }

  #acquire({ name, useless }: Asked, { purpose, exclusive }: LoadRequest, token: string, limitMs: number): Command {
    return call(
      ACQUIRE,
      [name],
      token,
      LEASE_MS,
      purpose,
      exclusive ? 1 : 0,
      useless,
      this.context.link.latestMs(limitMs + OWN_LAG_MS),
    );
  }

  #leases(asked: readonly Asked[], replies: readonly Reply[], load: Load, remainingMs: () => number): Promise<Lease[]> {
    return Promise.all(
      asked.map(async (each, i) => (await this.#leaseOf(each, replies[i] as Reply, load, remainingMs)) ?? GIVEN_UP),
    );
  }

  /**
   * Asks again where somebody has stored what is of no use to us, or was held up on the way. `undefined` after some
   * tries.
   */
  async #leaseOf(each: Asked, first: Reply, load: Load, remainingMs: () => number): Promise<Lease | undefined> {
    let reply = first;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (tries > 0)
        [reply] = (await this.#run(
          [this.#acquire(each, load.request, load.token, remainingMs())],
          [each],
          load.token,
          remainingMs(),
        )) as [Reply];
      if (reply instanceof Error) throw reply;
      const lease = await this.#leaseIn(reply as AcquireReply, each, load, remainingMs);
      if (lease !== undefined) return lease;
      each.useless = this.context.reader.uselessRevision(each.key, load.namespace);
    }
    return undefined;
  }

  async #leaseIn(
    [state, detail, bytes]: AcquireReply,
    { key }: Asked,
    { namespace, generations }: Load,
    remainingMs: () => number,
  ): Promise<Lease | undefined> {
    const name = state.toString('latin1');
    if (name === 'held') return { state: 'held', leftMs: detail as number };
    if (name === 'late') {
      this.context.link.resync();
      return undefined;
    }
    const entry = await this.context.reader.judge(
      key,
      namespace,
      name === 'value' ? (detail as Buffer) : (bytes ?? EMPTY),
      generations,
      remainingMs(),
    );
    if (name !== 'value')
      return {
        state: 'granted',
        token: (detail as Buffer).toString('latin1'),
        isOwn: name === 'granted',
        current: entry,
      };
    return entry !== undefined && this.context.clock.nowMs() < entry.freshUntilMs
      ? { state: 'found', entry }
      : undefined;
  }
}

const MAX_TRIES = 4;
const EMPTY = Buffer.alloc(0);
/** Others store faster than we can look: one may load, and keep nothing. */
export const GIVEN_UP: Lease = { state: 'granted', token: '', isOwn: false, current: undefined };

function bytesIn(reply: Reply): Buffer | null {
  return Buffer.isBuffer(reply) ? reply : null;
}

function textsIn(reply: Reply): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
