import { backoffAfter } from './write-behind-options.js';
import type { PendingWrite, WriteBehindHost } from '../ports/write-behind-queue.port.js';
import type { Clock, Timer } from '../ports/clock.port.js';

export interface KeyWritesParts {
  readonly clock: Clock;
  readonly host: WriteBehindHost;
  /** Writes the value of a write to its source. */
  readonly run: (write: PendingWrite) => Promise<void>;
  /** Called when nothing is pending for the key any more. */
  readonly onDone: () => void;
}

/** A value that waits, for the end of its delay or for a retry. */
interface Waiting {
  readonly write: PendingWrite;
  /** How often it was tried. */
  readonly tries: number;
  readonly dueMs: number;
}

/**
 * The pending writes of one key: at most one that runs, and the latest value, which waits.
 *
 * A value that was not tried yet is replaced without a change of its time, so that a key that changes all the time is
 * still written once per delay. A value whose retry is due later is replaced with the delay of the new value.
 */
export class KeyWrites {
  readonly #parts: KeyWritesParts;
  #waiting: Waiting | undefined;
  #running: PendingWrite | undefined;
  #hasLanded = false;
  #timer: Timer | undefined;
  #isHurried = false;
  #isEnded = false;

  constructor(parts: KeyWritesParts) {
    this.#parts = parts;
  }

  /** The latest value. */
  get latest(): PendingWrite | undefined {
    return this.#waiting?.write ?? this.#running;
  }

  /** True until `write`, or a later value of the key, has reached the source. */
  isPending(write: PendingWrite): boolean {
    return this.#waiting !== undefined || (this.#running === write && !this.#hasLanded);
  }

  replace(write: PendingWrite): void {
    const dueMs = this.#parts.clock.nowMs() + (this.#isHurried ? 0 : write.delayMs);
    const earlierMs = this.#waiting?.tries === 0 ? this.#waiting.dueMs : Infinity;
    this.#wait({ write, tries: 0, dueMs: Math.min(dueMs, earlierMs) });
  }

  /** Ends the delay of the value that waits, and of all later ones. Pauses between tries stay as they are. */
  hurry(): void {
    this.#isHurried = true;
    if (this.#waiting !== undefined) this.#wait({ ...this.#waiting, dueMs: this.#parts.clock.nowMs() });
  }

  /** Writes nothing any more. A write that runs goes on, and the host does not hear of it. */
  end(): void {
    this.#isEnded = true;
    this.#timer?.cancel();
  }

  #wait(waiting: Waiting): void {
    this.#waiting = waiting;
    this.#timer?.cancel();
    if (this.#running !== undefined) return;
    const leftMs = waiting.dueMs - this.#parts.clock.nowMs();
    this.#timer = this.#parts.clock.schedule(leftMs, () => void this.#write(waiting));
  }

  async #write({ write, tries }: Waiting): Promise<void> {
    this.#waiting = undefined;
    this.#running = write;
    this.#hasLanded = false;
    try {
      await this.#parts.run(write);
      this.#hasLanded = true;
    } catch (error) {
      await this.#failed({ write, tries: tries + 1 }, error);
    }
    if (this.#isEnded) return;
    if (this.#hasLanded) await this.#parts.host.landed(write, () => this.#waiting !== undefined);
    this.#running = undefined;
    this.#continue();
  }

  #continue(): void {
    if (this.#waiting === undefined) this.#parts.onDone();
    else this.#wait(this.#waiting);
  }

  async #failed({ write, tries }: Omit<Waiting, 'dueMs'>, error: unknown): Promise<void> {
    if (this.#waiting !== undefined || this.#isEnded) return;
    if (tries > write.retries) return this.#parts.host.failed(write, error, () => this.#waiting !== undefined);
    const dueMs = this.#parts.clock.nowMs() + backoffAfter(tries, write.backoffMs);
    this.#waiting = { write, tries, dueMs };
  }
}
