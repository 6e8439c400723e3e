import type { Prepared, Stored, StoreFailure } from '../entries/entry-writer.js';
import { creations, generationsIn } from './generation-maker.js';
import { JointStore } from './joint-store.js';
import type { RedisEntry } from '../entries/redis-entry.js';
import type { OwnLease, RedisGrant } from './redis-grant.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisParts } from '../entries/redis-parts.js';
import { allOrThrow, call, plain, type Reply } from '../connection/redis-wire.js';
import { RELEASE } from '../protocol/scripts.js';
import { epochPartOf } from '../protocol/tag-epochs.js';

/** So long the storing of a result goes on, whoever waits for it. */
const LATEST_MS = 3_000;

/** Ends loads: stores what they bring where nothing was invalidated since they began. */
export class LoadCommitter {
  readonly #joint: JointStore;

  /**
   * @param onReplaced told of keys whose fresh entries have given way to others, however late the server says so: what
   * was there before must not come back
   */
  constructor(
    private readonly parts: RedisParts,
    private readonly onReplaced: (keys: readonly string[], namespace: string | undefined) => void,
  ) {
    this.#joint = new JointStore(parts.writer, LATEST_MS);
  }

  /**
   * The entries that were stored, in the order of `prepared`. Waits for what the caller of the load has left to wait;
   * what is acknowledged later is stored all the same.
   */
  commit(grant: RedisGrant, prepared: readonly Prepared[]): Promise<(RedisEntry | undefined)[]> {
    const nothing = prepared.map(() => undefined);
    return this.parts.link.orInstead(
      this.parts.limitMs - grant.spentMs,
      this.#commit(grant, prepared),
      nothing,
      (error) => this.parts.onError(error),
    );
  }

  /**
   * Gives leases back, and waits for it no longer than `limitMs`. A server that has not answered lately is sent it too:
   * others would wait for these loads.
   */
  async release(leases: readonly OwnLease[], limitMs: number): Promise<void> {
    const commands = leases.map(({ name, token }) => call(RELEASE, [name], token, this.parts.keys.wake));
    if (limitMs > 0 && this.parts.link.isUp()) await this.parts.link.run(commands, limitMs);
    else this.parts.link.post(commands);
  }

  async #commit(grant: RedisGrant, prepared: readonly Prepared[]): Promise<(RedisEntry | undefined)[]> {
    const { generations } = grant.opening;
    for (const { envelope } of prepared) this.parts.reader.expectTags(envelope.key, envelope.namespace, envelope.tags);
    await this.#lookUp(grant, prepared);
    const storable = prepared.filter(({ groups }) => groups.every((group) => generations.get(group) !== undefined));
    if (storable.length === 0) return prepared.map(() => undefined);
    const tokenOf = ({ draft }: Prepared): string => grant.tokens.get(draft.key) as string;
    const ends = await this.#joint.store(storable, generations, tokenOf);
    const failed = ends.find((end): end is StoreFailure => 'reason' in end);
    if (failed !== undefined) this.parts.onError(failed.reason);
    const refused = storable.filter((_, i) => !isKept(ends[i]));
    this.parts.writer.discard(refused, this.parts.limitMs).catch((error: unknown) => this.parts.onError(error));
    // What a load of something missing has stored may be lost with a server: it is loaded again.
    const replaced =
      grant.purpose === 'load' ? [] : storable.filter((_, i) => isKept(ends[i])).map(({ draft }) => draft.key);
    if (replaced.length > 0) this.onReplaced(replaced, grant.namespace);
    const isStored = new Set(storable.filter(({ draft }, i) => ends[i]?.state === 'stored' && draft.ttlMs > 0));
    return Promise.all(
      prepared.map(async (each) => (isStored.has(each) ? this.parts.writer.entryOf(each) : undefined)),
    );
  }

  /**
   * Finds the generations of tags that nobody expected when the load began, where it is sure that they were the same
   * then.
   */
  async #lookUp({ opening: { generations, epochs } }: RedisGrant, prepared: readonly Prepared[]): Promise<void> {
    const unknown = new Map<Group, string>();
    for (const { envelope } of prepared) {
      for (const tag of envelope.tags)
        if (!generations.has(this.parts.keys.tag(tag))) unknown.set(this.parts.keys.tag(tag), tag);
    }
    if (unknown.size === 0 || epochs === undefined) return;
    const groups = [...unknown.keys()];
    const parts = [...unknown.values()].map(epochPartOf);
    const make = creations(groups);
    const look = plain('HMGET', this.parts.keys.epochs, ...parts);
    const { link, isCluster } = this.parts;
    const replies = isCluster
      ? [...(await link.ask(make, LATEST_MS)), ...(await link.ask([look], LATEST_MS))]
      : await link.ask([...make, look], LATEST_MS);
    const now = replies.at(-1) as readonly Reply[];
    const made = allOrThrow(generationsIn(replies, groups));
    groups.forEach((group, i) => {
      if (String(now[i]) === epochs[parts[i] as number]) generations.set(group, made[i]);
    });
  }
}

/** Whether an entry stands where it was stored, in whatever indexes. */
function isKept(end: Stored | undefined): boolean {
  return end?.state === 'stored' || end?.state === 'unlisted';
}
