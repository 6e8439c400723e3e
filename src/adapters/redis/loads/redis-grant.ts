import type {
  EntryDraft,
  LoadGrant,
  LoadRequest,
  LoadTicket,
  StoredEntry,
} from '../../../core/ports/cache-adapter.port.js';
import type { Held } from './lease-keeper.js';
import type { Opening } from './load-opener.js';

export interface OwnLease {
  readonly key: string;
  readonly name: string;
  readonly token: string;
}

/** Stores the results of a grant, or gives its leases back. */
export interface GrantCommitter {
  /** Stores results. Rejects before anything is sent when a value cannot be stored. */
  commit(grant: RedisGrant, drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]>;
  /** Gives back leases that no result has ended. Called once for each grant. */
  end(grant: RedisGrant, leases: readonly OwnLease[]): Promise<void>;
}

export interface RedisGrantOptions {
  readonly namespace: string | undefined;
  readonly purpose: LoadRequest['purpose'];
  readonly opening: Opening;
  /** In the order of `opening.leases`, as are `names`. */
  readonly keys: readonly string[];
  readonly names: readonly string[];
  readonly epochsKey: string;
  readonly tickets: readonly LoadTicket[];
  /** Time that the caller has waited for the server so far. */
  readonly spentMs: number;
}

/** Loads that are under way, until their results are stored or given up. */
export class RedisGrant implements LoadGrant, Held {
  readonly tickets: readonly LoadTicket[];
  readonly opening: Opening;
  readonly namespace: string | undefined;
  readonly purpose: LoadRequest['purpose'];
  /** Time that the caller has waited for the server; grows with each wait. */
  spentMs: number;
  /** Tokens by key: a result is stored only while its token is still in Redis. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly leases: readonly OwnLease[];
  readonly remembered: readonly string[];
  readonly #committer: GrantCommitter;
  #isEnded = false;

  constructor(
    { namespace, purpose, opening, keys, names, epochsKey, tickets, spentMs }: RedisGrantOptions,
    committer: GrantCommitter,
  ) {
    this.tickets = tickets;
    this.opening = opening;
    this.namespace = namespace;
    this.purpose = purpose;
    this.spentMs = spentMs;
    this.#committer = committer;
    const tokens = new Map<string, string>();
    const leases: OwnLease[] = [];
    opening.leases.forEach((lease, i) => {
      if (lease.state !== 'granted' || lease.token === '') return;
      const key = keys[i] as string;
      tokens.set(key, lease.token);
      if (lease.isOwn) leases.push({ key, name: names[i] as string, token: lease.token });
    });
    this.tokens = tokens;
    this.leases = leases;
    const generations = [...opening.generations.keys()].map(({ key }) => key);
    this.remembered = opening.epochs === undefined ? generations : [...generations, epochsKey];
  }

  async commit(drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]> {
    if (this.#isEnded) return drafts.map(() => undefined);
    const stored = await this.#committer.commit(this, drafts);
    const done = new Set(stored.map((entry) => entry?.key));
    await this.#release(this.leases.filter(({ key }) => !done.has(key)));
    return stored;
  }

  release(): Promise<void> {
    return this.#release(this.leases);
  }

  async #release(leases: readonly OwnLease[]): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#committer.end(this, leases);
  }
}
