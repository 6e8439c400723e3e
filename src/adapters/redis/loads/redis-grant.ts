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

export interface GrantParts {
  readonly namespace: string | undefined;
  readonly purpose: LoadRequest['purpose'];
  readonly opening: Opening;
  /** In the order of `opening.leases`, as are `names`. */
  readonly keys: readonly string[];
  readonly names: readonly string[];
  readonly epochsKey: string;
  readonly tickets: readonly LoadTicket[];
  /** How long the caller has waited for the server already. */
  readonly spentMs: number;
  /** Stores results. Rejects where a value cannot be stored, before anything was sent. */
  commit(grant: RedisGrant, drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]>;
  /** Called once, with the leases that no result has ended. */
  end(grant: RedisGrant, left: readonly OwnLease[]): Promise<void>;
}

/** Loads that are under way, until their results are stored or given up. */
export class RedisGrant implements LoadGrant, Held {
  readonly tickets: readonly LoadTicket[];
  readonly opening: Opening;
  readonly namespace: string | undefined;
  readonly purpose: LoadRequest['purpose'];
  /** Grows as the caller waits on. */
  spentMs: number;
  /** By key: what must still stand where a result is stored. */
  readonly tokens: ReadonlyMap<string, string>;
  readonly leases: readonly OwnLease[];
  readonly remembered: readonly string[];
  readonly #parts: GrantParts;
  #isEnded = false;

  constructor(parts: GrantParts) {
    this.#parts = parts;
    this.tickets = parts.tickets;
    this.opening = parts.opening;
    this.namespace = parts.namespace;
    this.purpose = parts.purpose;
    this.spentMs = parts.spentMs;
    const tokens = new Map<string, string>();
    const leases: OwnLease[] = [];
    parts.opening.leases.forEach((lease, i) => {
      if (lease.state !== 'granted' || lease.token === '') return;
      const key = parts.keys[i] as string;
      tokens.set(key, lease.token);
      if (lease.isOwn) leases.push({ key, name: parts.names[i] as string, token: lease.token });
    });
    this.tokens = tokens;
    this.leases = leases;
    const generations = [...parts.opening.generations.keys()].map(({ key }) => key);
    this.remembered = parts.opening.epochs === undefined ? generations : [...generations, parts.epochsKey];
  }

  async commit(drafts: readonly EntryDraft[]): Promise<(StoredEntry | undefined)[]> {
    if (this.#isEnded) return drafts.map(() => undefined);
    const stored = await this.#parts.commit(this, drafts);
    const done = new Set(stored.map((entry) => entry?.key));
    await this.#end(this.leases.filter(({ key }) => !done.has(key)));
    return stored;
  }

  release(): Promise<void> {
    return this.#end(this.leases);
  }

  async #end(left: readonly OwnLease[]): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    await this.#parts.end(this, left);
  }
}
