import type { EntryDraft, StoredEntry } from '../../../core/ports/cache-adapter.port.js';
import { idleMs } from '../../../core/ports/clock.port.js';
import type { Prepared, StoreOutcome, StoreFailure } from '../entries/entry-writer.js';
import { creations, generationsIn } from './generation-maker.js';
import { JointStore } from './joint-store.js';
import type { EncodedEntry } from '../../../core/values/encoded-entry.js';
import type { LeaseKeeper } from './lease-keeper.js';
import type { GrantCommitter, OwnLease, RedisGrant } from './redis-grant.js';
import type { Group } from '../protocol/redis-keys.js';
import type { RedisContext } from '../entries/redis-context.js';
import { allOrThrow, call, plain, type Reply } from '../connection/command.js';
import { RELEASE } from '../protocol/entry-scripts.js';
import { epochPartOf } from '../protocol/generation.js';

/** Time limit for storing a result, even when its caller no longer waits. */
const LATEST_MS = 3_000;

/**
 * Called with the keys of fresh entries that other ones have replaced, however late the server acknowledges it: the old
 * entries must not come back.
 */
export type OnReplaced = (keys: readonly string[], namespace: string | undefined) => void;

/** Ends loads: stores their results unless they were invalidated after the load began. */
export class LoadCommitter implements GrantCommitter {
  readonly #joint: JointStore;

  readonly #context: RedisContext;
  readonly #leases: LeaseKeeper;
  readonly #onReplaced: OnReplaced;

  constructor(context: RedisContext, leases: LeaseKeeper, onReplaced: OnReplaced) {
    this.#context = context;
    this.#leases = leases;
    this.#onReplaced = onReplaced;
    this.#joint = new JointStore(context.writer, LATEST_MS);
  }

  /** Stores the results of keys that have a token, unless an invalidation hides them. */
  async commit(grant: RedisGrant, drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]> {
    const { clock, writer, isClosed } = this.#context;
    if (isClosed) return drafts.map(() => undefined);
    const { namespace, tokens } = grant;
    const hides = this.#context.hides();
    const isAllowed = drafts.map(({ key, tags }) => tokens.has(key) && !hides(key, namespace, tags));
    const prepared = await writer.prepareLoaded(
      drafts.filter((_, i) => isAllowed[i]),
      namespace,
      (error) => this.#context.onError(error),
    );
    const sentMs = idleMs(clock);
    const stored = await this.store(grant, prepared).finally(() => (grant.spentMs += idleMs(clock) - sentMs));
    let next = 0;
    return isAllowed.map((isOne) => (isOne ? stored[next++] : undefined));
  }

  /** Stops the renewal of the leases of a grant, and gives back those that no result has ended. */
  async end(grant: RedisGrant, leases: readonly OwnLease[]): Promise<void> {
    this.#leases.drop(grant);
    if (leases.length > 0) await this.release(leases, this.#context.limitMs - grant.spentMs);
  }

  /**
   * Returns the entries that were stored, in the order of `prepared`. Waits only for the rest of the caller's time
   * limit; entries that the server acknowledges later are stored too.
   */
  store(grant: RedisGrant, prepared: readonly Prepared[]): Promise<(EncodedEntry | undefined)[]> {
    const nothing = prepared.map(() => undefined);
    return this.#context.link.orInstead(
      this.#context.limitMs - grant.spentMs,
      this.#store(grant, prepared),
      nothing,
      (error) => this.#context.onError(error),
    );
  }

  /**
   * Gives leases back and waits at most `limitMs` for the reply. The commands are also sent to a server that has not
   * answered lately: otherwise other processes would wait for these loads.
   */
  async release(leases: readonly OwnLease[], limitMs: number): Promise<void> {
    const commands = leases.map(({ name, token }) => call(RELEASE, [name], token, this.#context.keys.wake));
    if (limitMs > 0 && this.#context.link.isUp()) await this.#context.link.run(commands, limitMs);
    else this.#context.link.post(commands);
  }

  async #store(grant: RedisGrant, prepared: readonly Prepared[]): Promise<(EncodedEntry | undefined)[]> {
    const { generations } = grant.opening;
    for (const { envelope } of prepared)
      this.#context.reader.expectTags(envelope.key, envelope.namespace, envelope.tags);
    await this.#addGenerations(grant, prepared);
    const storable = prepared.filter(({ groups }) => groups.every((group) => generations.get(group) !== undefined));
    if (storable.length === 0) return prepared.map(() => undefined);
    const tokenOf = ({ draft }: Prepared): string => grant.tokens.get(draft.key) as string;
    const ends = await this.#joint.store(storable, generations, tokenOf);
    const failed = ends.find((end): end is StoreFailure => 'reason' in end);
    if (failed !== undefined) this.#context.onError(failed.reason);
    const refused = storable.filter((_, i) => !isKept(ends[i]));
    this.#context.writer
      .discard(refused, this.#context.limitMs)
      .catch((error: unknown) => this.#context.onError(error));
    // If a server loses the result of a load of a missing entry, no old entry comes back: it is loaded again.
    const replaced =
      grant.purpose === 'load' ? [] : storable.filter((_, i) => isKept(ends[i])).map(({ draft }) => draft.key);
    if (replaced.length > 0) this.#onReplaced(replaced, grant.namespace);
    const isStored = new Set(storable.filter(({ draft }, i) => ends[i]?.state === 'stored' && draft.ttlMs > 0));
    return Promise.all(
      prepared.map(async (each) => (isStored.has(each) ? this.#context.writer.entryOf(each) : undefined)),
    );
  }

  /**
   * Adds the generations of tags that were not expected when the load began. A generation is added only if the epoch of
   * its tag is unchanged: then the generation is the same as when the load began.
   */
  async #addGenerations(
    { opening: { generations, epochs } }: RedisGrant,
    prepared: readonly Prepared[],
  ): Promise<void> {
    const unknown = new Map<Group, string>();
    for (const { envelope } of prepared) {
      for (const tag of envelope.tags)
        if (!generations.has(this.#context.keys.tag(tag))) unknown.set(this.#context.keys.tag(tag), tag);
    }
    if (unknown.size === 0 || epochs === undefined) return;
    const groups = [...unknown.keys()];
    const parts = [...unknown.values()].map(epochPartOf);
    const make = creations(groups);
    const read = plain('HMGET', this.#context.keys.epochs, ...parts);
    const { link, isCluster } = this.#context;
    const replies = isCluster
      ? [...(await link.ask(make, LATEST_MS)), ...(await link.ask([read], LATEST_MS))]
      : await link.ask([...make, read], LATEST_MS);
    const now = replies.at(-1) as readonly Reply[];
    const made = allOrThrow(generationsIn(replies, groups));
    groups.forEach((group, i) => {
      if (String(now[i]) === epochs[parts[i] as number]) generations.set(group, made[i]);
    });
  }
}

/** True when the entry is in Redis, even if an index does not name it. */
function isKept(end: StoreOutcome | undefined): boolean {
  return end?.state === 'stored' || end?.state === 'unlisted';
}
