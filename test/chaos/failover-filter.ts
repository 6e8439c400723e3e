import type { Batch, Checker } from './checker.js';
import type { Sample } from './recovery.js';

/** One message of a chaos process: its reads, acknowledgements and samples since the last message. */
export type WorkerBatch = Batch & { readonly samples: readonly Sample[] };

/** Maximum replication lag: younger acknowledgements might not have reached the replica that becomes the master. */
const MAX_LAG_US = 1_000_000;
/** Delay before batches go to the checker, because a failover can still make their acknowledgements doubtful. */
const DELAY_US = 2 * MAX_LAG_US;

/**
 * Passes the batches of the processes to the checker, and removes claims that no cache can keep while replication is
 * asynchronous: an acknowledgement around a failover is marked as unsent, so for other processes it counts only after
 * the faults are over. The process that gave it sends its invalidation again when it sees a new master.
 */
export class FailoverFilter {
  readonly #waiting: { readonly atUs: number; readonly process: number; readonly batch: Batch }[] = [];
  readonly #failovers: { readonly fromUs: number; untilUs: number }[] = [];

  constructor(private readonly checker: Checker) {}

  add(process: number, batch: Batch, atUs: number): void {
    this.#waiting.push({ atUs, process, batch });
    this.#passOn(atUs - DELAY_US);
  }

  /** Records the begin of a failover. @returns a function that records its end */
  beginFailover(atUs: number): (atUs: number) => void {
    const failover = { fromUs: atUs - MAX_LAG_US, untilUs: Infinity };
    this.#failovers.push(failover);
    return (endUs) => (failover.untilUs = endUs);
  }

  finish(): void {
    this.#passOn(Infinity);
  }

  #passOn(untilUs: number): void {
    while (this.#waiting.length > 0 && this.#waiting[0]!.atUs <= untilUs) {
      const { process, batch } = this.#waiting.shift()!;
      const { acks } = batch;
      const areSent = acks.areSent.map((isSent, i) => (isSent === 1 && !this.#isDoubtful(acks.atUs[i]!) ? 1 : 0));
      this.checker.add(process, { ...batch, acks: { ...acks, areSent } });
    }
  }

  #isDoubtful(atUs: number): boolean {
    return this.#failovers.some(({ fromUs, untilUs }) => fromUs <= atUs && atUs <= untilUs);
  }
}
