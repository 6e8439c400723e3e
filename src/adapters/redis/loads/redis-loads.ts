import type { LoadGrant, LoadRequest, LoadTicket } from '../../../core/ports/cache-adapter.port.js';
import { idleMs } from '../../../core/ports/clock.port.js';
import type { Hides, RedisContext } from '../entries/redis-context.js';
import { LeaseKeeper } from './lease-keeper.js';
import { LoadCommitter, type OnReplaced } from './load-committer.js';
import { GIVEN_UP, type Lease, LoadOpener } from './load-opener.js';
import { LoadWaiters, type Watch } from './load-waiters.js';
import { RedisGrant } from './redis-grant.js';

/** The loads of this process, and its waiters for loads of other processes. */
export class RedisLoads {
  readonly #opener: LoadOpener;
  readonly #committer: LoadCommitter;
  readonly #leases: LeaseKeeper;
  readonly #waiters: LoadWaiters;

  readonly #context: RedisContext;

  constructor(context: RedisContext, onReplaced: OnReplaced) {
    this.#context = context;
    this.#opener = new LoadOpener(context);
    this.#leases = new LeaseKeeper(context);
    this.#committer = new LoadCommitter(context, this.#leases, onReplaced);
    this.#waiters = new LoadWaiters(context.clock, () => context.wire.isListening());
  }

  async begin(keys: readonly string[], namespace: string | undefined, request: LoadRequest): Promise<LoadGrant> {
    const { clock, limitMs } = this.#context;
    const startMs = idleMs(clock);
    const remainingMs = (): number => limitMs - (request.waitedMs ?? 0) - (idleMs(clock) - startMs);
    const hides = this.#context.hides();
    const wanted = this.#wanted(keys, namespace, request, hides);
    const names = wanted.map((key) => this.#context.keys.entry(key, namespace));
    const watches = request.exclusive ? names.map((name) => this.#waiters.watch(name)) : [];
    try {
      const opening = await this.#opener.open(wanted, namespace, request, remainingMs);
      const tickets = new Map(
        wanted.map((key, i) => [key, ticketOf(shownLease(opening.leases[i], hides), watches[i])]),
      );
      const grant = new RedisGrant(
        {
          namespace,
          purpose: request.purpose,
          opening,
          keys: wanted,
          names,
          epochsKey: this.#context.keys.epochs,
          tickets: keys.map((key) => tickets.get(key) ?? { state: 'granted' }),
          spentMs: limitMs - remainingMs(),
        },
        this.#committer,
      );
      if (grant.leases.length > 0) this.#leases.keep(grant);
      return grant;
    } catch (error) {
      for (const watch of watches) watch.close();
      throw error;
    }
  }

  /** Wakes the waiters for the load of one entry. */
  wake(name: string): void {
    this.#waiters.wake(name);
  }

  close(): void {
    this.#leases.close();
    this.#waiters.wakeAll();
  }

  /** The keys to ask for leases of, each once. The result of a load of a hidden entry is not stored. */
  #wanted(
    keys: readonly string[],
    namespace: string | undefined,
    { tags }: LoadRequest,
    hides: Hides,
  ): readonly string[] {
    if (this.#context.isClosed) return [];
    const wanted = [...new Set(keys)];
    return wanted.filter((key) => !hides(key, namespace, tags));
  }
}

/** The lease without its entry when that entry is hidden: only now are its tags known. It must be loaded again. */
function shownLease(lease: Lease | undefined, hides: Hides): Lease | undefined {
  const entry = lease?.state === 'found' ? lease.entry : lease?.state === 'granted' ? lease.current : undefined;
  if (entry === undefined || !hides(entry.key, entry.namespace, entry.tags)) return lease;
  return lease?.state === 'granted' ? { ...lease, current: undefined } : GIVEN_UP;
}

function ticketOf(lease: Lease | undefined, watch: Watch | undefined): LoadTicket {
  if (lease?.state === 'held' && watch !== undefined) return { state: 'held', settled: watch.ended(lease.leftMs) };
  watch?.close();
  if (lease?.state === 'found') return { state: 'found', entry: lease.entry };
  return lease?.state === 'granted' && lease.current !== undefined
    ? { state: 'granted', current: lease.current }
    : { state: 'granted' };
}
