import type { Timer } from '../../../core/ports/clock.port.js';
import type { RedisContext } from '../entries/redis-context.js';
import { call } from '../connection/redis-wire.js';
import { OUTLIVE, RENEW } from '../protocol/scripts.js';

/** How long a lease lasts by itself: what a process that dies, is cut off or stands still keeps others waiting for. */
export const LEASE_MS = 900;
const RENEW_EVERY_MS = 300;
/** Renewals until what loads remember is made to last, too. */
const OUTLIVE_EVERY = 3;
/** How long what a load remembers of the server must last from now. */
export const KEEP_MS = 60_000;

/** What a load holds on the server. */
export interface Held {
  readonly leases: readonly { readonly name: string; readonly token: string }[];
  /** Keys that it compares with in the end: generations and epochs. */
  readonly remembered: readonly string[];
}

/** Makes leases last for as long as their loads run, however long that is. */
export class LeaseKeeper {
  readonly #held = new Set<Held>();
  #timer: Timer | undefined;
  #renewals = 0;

  constructor(private readonly context: RedisContext) {}

  keep(held: Held): void {
    this.#held.add(held);
    this.#timer ??= this.context.clock.schedule(RENEW_EVERY_MS, () => this.#renew());
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
    this.context.link.post([...renewals, ...[...remembered].map((key) => call(OUTLIVE, [key], KEEP_MS))]);
    this.#timer = this.context.clock.schedule(RENEW_EVERY_MS, () => this.#renew());
  }
}
