import type { Timer } from '../../../core/ports/clock.port.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call } from '../connection/command.js';
import { RENEW } from '../protocol/entry-scripts.js';
import { OUTLIVE } from '../protocol/group-scripts.js';

/** Lifetime of a lease without renewal: the time that others wait for a process that died, hangs or is cut off. */
export const LEASE_MS = 900;
const RENEW_EVERY_MS = 300;
/** Number of renewals of leases per renewal of the generations and epochs that loads compare with. */
const OUTLIVE_EVERY = 3;
/** Least lifetime, from now, of generations and epochs that a load compares with when it ends. */
export const KEEP_MS = 60_000;

/** Keys on the server that a load needs until it ends. */
export interface Held {
  readonly leases: readonly { readonly name: string; readonly token: string }[];
  /** Keys of the generations and epochs that the load compares with when it ends. */
  readonly remembered: readonly string[];
}

/** Renews leases while their loads run, however long that takes. */
export class LeaseKeeper {
  readonly #held = new Set<Held>();
  #timer: Timer | undefined;
  #renewals = 0;

  readonly #context: RedisContext;

  constructor(context: RedisContext) {
    this.#context = context;
  }

  keep(held: Held): void {
    this.#held.add(held);
    this.#timer ??= this.#context.clock.schedule(RENEW_EVERY_MS, () => this.#renew());
  }

  drop(held: Held): void {
    this.#held.delete(held);
    if (this.#held.size === 0) this.close();
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #renew(): void {
    const held = [...this.#held];
    const renewals = held.flatMap(({ leases }) =>
      leases.map(({ name, token }) => call(RENEW, [name], token, LEASE_MS)),
    );
    const remembered = ++this.#renewals % OUTLIVE_EVERY === 0 ? new Set(held.flatMap((each) => each.remembered)) : [];
    this.#context.link.post([...renewals, ...[...remembered].map((key) => call(OUTLIVE, [key], KEEP_MS))]);
    this.#timer = this.#context.clock.schedule(RENEW_EVERY_MS, () => this.#renew());
  }
}
