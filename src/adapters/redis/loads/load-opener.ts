import type { LoadRequest } from '../../../core/ports/cache-adapter.port.js';
import { OWN_LAG_MS } from '../connection/deadlines.js';
import { type Generations, recordGeneration } from '../entries/entry-validity.js';
import type { RedisContext } from '../entries/redis-context.js';
import { EPOCH_PARTS, randomId } from '../protocol/generation.js';
import { creation, GenerationMaker } from './generation-maker.js';
import { KEEP_MS, LEASE_MS } from './lease-keeper.js';
import type { EncodedEntry } from '../../../core/values/encoded-entry.js';
import type { Group } from '../protocol/redis-keys.js';
import { call, type Command, plain, type Reply } from '../connection/command.js';
import { ACQUIRE, RELEASE } from '../protocol/entry-scripts.js';
import { EPOCHS } from '../protocol/group-scripts.js';

/** The outcome of a request for the lease of one key. */
export type Lease =
  | {
      readonly state: 'granted';
      readonly token: string;
      readonly isOwn: boolean;
      readonly current: EncodedEntry | undefined;
    }
  | { readonly state: 'found'; readonly entry: EncodedEntry }
  | { readonly state: 'held'; readonly leftMs: number };

/** The state of the server when a load begins, to compare with when the load ends. */
export interface Opening {
  readonly leases: readonly Lease[];
  readonly generations: Generations;
  /** The epochs of the parts of all tags; `undefined` unless the load computes its tags. */
  readonly epochs: readonly string[] | undefined;
}

/** A key whose lease is requested. */
interface Wanted {
  readonly key: string;
  readonly name: string;
  /** The revision that the load may replace. */
  replaceable: string;
}

interface Load {
  readonly namespace: string | undefined;
  readonly request: LoadRequest;
  readonly token: string;
  readonly generations: Generations;
  /** Returns the rest of the time limit. */
  readonly remainingMs: () => number;
}

type AcquireReply = readonly [state: Buffer, detail: Buffer | number, entry?: Buffer];

/**
 * Begins loads: requests the leases of keys and the generations that their results will be marked with, in one round
 * trip. More round trips are needed only when a generation does not exist yet, or when another process has stored an
 * entry that this one has not seen.
 */
export class LoadOpener {
  readonly #maker: GenerationMaker;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
    this.#maker = new GenerationMaker(context.link);
  }

  /** @param remainingMs returns the rest of the time limit; called before each round trip */
  async open(
    keys: readonly string[],
    namespace: string | undefined,
    request: LoadRequest,
    remainingMs: () => number,
  ): Promise<Opening> {
    if (keys.length === 0) return { leases: [], generations: new Map(), epochs: undefined };
    const token = randomId();
    try {
      return await this.#open(keys, { namespace, request, token, generations: new Map(), remainingMs });
    } catch (error) {
      // The server may have granted some leases all the same; nobody must wait for them.
      this.#giveBack(
        keys.map((key) => this.#context.keys.entry(key, namespace)),
        token,
      );
      throw error;
    }
  }

  #giveBack(names: readonly string[], token: string): void {
    this.#context.link.post(names.map((name) => call(RELEASE, [name], token, this.#context.keys.wake)));
  }

  async #open(keys: readonly string[], load: Load): Promise<Opening> {
    const { namespace, request } = load;
    const wanted = keys.map((key) => ({
      key,
      name: this.#context.keys.entry(key, namespace),
      replaceable: this.#context.reader.replaceableRevision(key, namespace),
    }));
    const groups = this.#groupsOf(keys, namespace, request);
    const ids = request.computesTags
      ? [call(EPOCHS, [this.#context.keys.epochs], KEEP_MS, randomId(), EPOCH_PARTS)]
      : [];
    const acquires = wanted.map((each) => this.#acquire(each, load));
    // One GET per generation, not one MGET: together with the scripts that is one round trip in a cluster too.
    const reads = groups.map(({ key }) => plain('GET', key));
    return this.#send(wanted, groups, [...acquires, ...ids, ...this.#creations(groups), ...reads], load);
  }

  async #send(
    wanted: readonly Wanted[],
    groups: readonly Group[],
    commands: readonly Command[],
    load: Load,
  ): Promise<Opening> {
    const { generations } = load;
    const replies = await this.#run(commands, wanted, load);
    const firstRead = commands.length - groups.length;
    const foreign = new Set<Group>();
    groups.forEach((group, i) => {
      const reply = replies[firstRead + i] as Reply;
      const generation = recordGeneration(group, bytesIn(reply));
      generations.set(group, generation);
      if (generation === undefined && reply !== null) foreign.add(group);
    });
    const leases = await this.#leases(wanted, replies, load);
    if (leases.some(({ state }) => state === 'granted'))
      await this.#maker.complete(generations, foreign, load.remainingMs);
    const epochs = load.request.computesTags ? textsIn(replies[wanted.length] as Reply) : undefined;
    return { leases, generations, epochs };
  }

  /**
   * Makes generations for groups that are not known to have one. A read right after that finds a generation, unless an
   * invalidation ends it in between.
   */
  #creations(groups: readonly Group[]): Command[] {
    return groups.filter(({ known }) => known === undefined).map(creation);
  }

  /**
   * Sends commands that request leases. A lease that is granted after the time limit belongs to no load. Giving all
   * back at the limit is not enough: a command that a cluster redirects may run after one that was sent later.
   */
  #run(
    commands: readonly Command[],
    wanted: readonly Wanted[],
    { token, remainingMs }: Load,
  ): Promise<readonly Reply[]> {
    return this.#context.link.run(commands, remainingMs(), () =>
      this.#giveBack(
        wanted.map(({ name }) => name),
        token,
      ),
    );
  }

  /** The groups that results are expected to be in: by key, by known tags, and by the tags of the entry last seen. */
  #groupsOf(keys: readonly string[], namespace: string | undefined, { tags, computesTags }: LoadRequest): Group[] {
    const groups = new Set<Group>();
    for (const key of keys) {
      const expected = computesTags ? [...tags, ...this.#context.reader.tagsOf(key, namespace)] : tags;
      for (const group of this.#context.keys.groupsOf(key, namespace, expected)) groups.add(group);
    }
    return [...groups];
  }

  #acquire({ name, replaceable }: Wanted, { request, token, remainingMs }: Load): Command {
    const { purpose, exclusive } = request;
    const latestMs = this.#context.link.latestMs(remainingMs() + OWN_LAG_MS);
    return call(ACQUIRE, [name], token, LEASE_MS, purpose, exclusive ? 1 : 0, replaceable, latestMs);
  }

  #leases(wanted: readonly Wanted[], replies: readonly Reply[], load: Load): Promise<Lease[]> {
    return Promise.all(
      wanted.map(async (each, i) => (await this.#leaseOf(each, replies[i] as Reply, load)) ?? GIVEN_UP),
    );
  }

  /**
   * Requests a lease again when another process has stored an entry that this load cannot use, or when the command
   * reached the server late. Returns `undefined` after MAX_TRIES.
   */
  async #leaseOf(each: Wanted, first: Reply, load: Load): Promise<Lease | undefined> {
    let reply = first;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (tries > 0) [reply] = (await this.#run([this.#acquire(each, load)], [each], load)) as [Reply];
      if (reply instanceof Error) throw reply;
      const lease = await this.#leaseIn(reply as AcquireReply, each, load);
      if (lease !== undefined) return lease;
      each.replaceable = this.#context.reader.replaceableRevision(each.key, load.namespace);
    }
    return undefined;
  }

  async #leaseIn(
    [state, detail, bytes]: AcquireReply,
    { key }: Wanted,
    { namespace, generations, remainingMs }: Load,
  ): Promise<Lease | undefined> {
    const { link, reader, clock } = this.#context;
    const name = state.toString('latin1');
    if (name === 'held') return { state: 'held', leftMs: detail as number };
    if (name === 'late') {
      link.resync();
      return undefined;
    }
    const entryBytes = name === 'value' ? (detail as Buffer) : (bytes ?? EMPTY);
    const entry = await reader.judge(key, namespace, entryBytes, generations, remainingMs());
    if (name === 'value')
      return entry !== undefined && clock.nowMs() < entry.freshUntilMs ? { state: 'found', entry } : undefined;
    const token = (detail as Buffer).toString('latin1');
    return { state: 'granted', token, isOwn: name === 'granted', current: entry };
  }
}

const MAX_TRIES = 4;
const EMPTY = Buffer.alloc(0);
/** Other processes store faster than this one can read: it may load, but its result is not stored. */
export const GIVEN_UP: Lease = { state: 'granted', token: '', isOwn: false, current: undefined };

function bytesIn(reply: Reply): Buffer | null {
  return Buffer.isBuffer(reply) ? reply : null;
}

function textsIn(reply: Reply): readonly string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}
