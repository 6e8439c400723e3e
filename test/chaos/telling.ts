import type { Batch, Checker } from './checker.js';
import type { Sample } from './recovery.js';

/** What a process tells at once. */
export type Told = Batch & { readonly samples: readonly Sample[] };

/** So long before a failover an acknowledgement may not have reached the replica that became the master. */
const MAX_LAG_US = 1_000_000;
/** So long what is told is held back, since it may come into doubt. */
const HELD_BACK_US = 2 * MAX_LAG_US;

/**
 * Hands to the checker what the processes tell, and takes from it what no cache on an asynchronous replication can
 * promise: an acknowledgement from around a failover is held against other processes only when all is calm, as one that
 * was kept for later. The process that gave it sends it again when it sees that the master has changed.
 */
export class Telling {
  readonly #waiting: { readonly atUs: number; readonly process: number; readonly batch: Batch }[] = [];
  readonly #doubts: { readonly fromUs: number; untilUs: number }[] = [];

  constructor(private readonly checker: Checker) {}

  add(process: number, batch: Batch, atUs: number): void {
    this.#waiting.push({ atUs, process, batch });
    this.#handOver(atUs - HELD_BACK_US);
  }

  /** A failover begins. @returns to be called when it is over */
  doubt(atUs: number): (atUs: number) => void {
    const doubt = { fromUs: atUs - MAX_LAG_US, untilUs: Infinity };
    this.#doubts.push(doubt);
    return (overUs) => (doubt.untilUs = overUs);
  }

  finish(): void {
    this.#handOver(Infinity);
  }

  #handOver(untilUs: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.atUs <= untilUs) {
      const { process, batch } = this.#waiting.shift()!;
      const { acks } = batch;
      const areSent = acks.areSent.map((isSent, i) => (isSent === 1 && !this.#isDoubtful(acks.atUs[i]!) ? 1 : 0));
      this.checker.add(process, { ...batch, acks: { ...acks, areSent } });
    }
  }

  #isDoubtful(atUs: number): boolean {
    return this.#doubts.some(({ fromUs, untilUs }) => fromUs <= atUs && atUs <= untilUs);
  }
}
