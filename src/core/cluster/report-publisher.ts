import type { Clock, Timer } from '../ports/clock.port.js';
import { CALL_LASTS_MS, type ProcessBoard, REPORT_EVERY_MS } from '../ports/process-board.port.js';

/** Age of a report, in milliseconds, until which a call makes no new one: readers may ask each second. */
const RENEWED_AFTER_MS = 4_000;

export interface ReportPublisherOptions {
  readonly processId: string;
  readonly board: ProcessBoard;
  readonly clock: Clock;
  /** Makes the report of this process. */
  readonly write: () => Promise<string>;
}

/**
 * Puts the report of this process on the board at each call for reports, and every 5 s for one minute after it.
 * Otherwise it sends nothing; a process that cannot hear calls looks for one every 5 s, by one command. A store that
 * is away makes no noise: the next call, or the next look, comes when it is back.
 */
export class ReportPublisher {
  readonly #options: ReportPublisherOptions;
  #timer: Timer | undefined;
  #wantedUntilMs = -Infinity;
  #putMs = -Infinity;
  #putting: Promise<void> | undefined;
  #isOnBoard = false;
  #isClosed = false;

  constructor(options: ReportPublisherOptions) {
    this.#options = options;
    options.board.listen(() => this.called());
    this.#schedule();
  }

  /** Publishes now, and for one minute from now on. */
  called(): void {
    if (this.#isClosed) return;
    const nowMs = this.#options.clock.nowMs();
    this.#wantedUntilMs = nowMs + CALL_LASTS_MS;
    if (nowMs - this.#putMs < RENEWED_AFTER_MS) return;
    this.#publish();
    this.#schedule();
  }

  /** Takes the report of this process off the board. Never rejects. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#putting;
    const { board, processId } = this.#options;
    if (this.#isOnBoard) await board.remove(processId).catch(() => undefined);
  }

  #schedule(): void {
    this.#timer?.cancel();
    this.#timer = this.#options.clock.schedule(REPORT_EVERY_MS, () => this.#tick());
  }

  #tick(): void {
    const { board, clock } = this.#options;
    this.#schedule();
    if (clock.nowMs() < this.#wantedUntilMs) this.#publish();
    else if (!board.hearsCalls) void this.#lookForCall();
  }

  async #lookForCall(): Promise<void> {
    if (await this.#options.board.isCalled().catch(() => false)) this.called();
  }

  /** One at a time: a slow store must not collect reports. */
  #publish(): void {
    this.#putting ??= this.#put()
      .catch(() => undefined)
      .finally(() => (this.#putting = undefined));
  }

  async #put(): Promise<void> {
    const { board, clock, processId, write } = this.#options;
    const report = await write();
    if (this.#isClosed) return;
    this.#isOnBoard = true;
    await board.put(processId, report);
    this.#putMs = clock.nowMs();
  }
}
