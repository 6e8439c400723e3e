import {
  type BoardReport,
  type BoardView,
  CALL_LASTS_MS,
  type ProcessBoard,
  REPORT_EVERY_MS,
  REPORT_KEPT_MS,
} from '../../core/ports/process-board.port.js';
import { call, plain, type ReplyValue } from './connection/command.js';
import type { RedisContext } from './entries/redis-context.js';
import { PUT_REPORT, READ_REPORTS } from './protocol/report-scripts.js';

/**
 * The board in Redis: one hash, which expires a minute after the last call and the last report. A call is a message on
 * the wake channel, to which every process listens already: while nobody asks, the board costs nothing.
 */
export class RedisProcessBoard implements ProcessBoard {
  readonly #context: RedisContext;
  #onCall: (() => void) | undefined;

  constructor(context: RedisContext) {
    this.#context = context;
  }

  get hearsCalls(): boolean {
    return this.#context.wire.isListening();
  }

  listen(onCall: () => void): void {
    this.#onCall = onCall;
  }

  /** Passes a call of any process on. */
  called(): void {
    this.#onCall?.();
  }

  async read(): Promise<BoardView> {
    const { reports, wake } = this.#context.keys;
    const [reply] = await this.#context.ask([
      call(READ_REPORTS, [reports], wake, REPORT_EVERY_MS, REPORT_KEPT_MS, CALL_LASTS_MS),
    ]);
    const [calledMsAgo, ...rest] = Array.isArray(reply) ? (reply as ReplyValue[]) : [-1];
    return { reports: reportsIn(rest), calledMsAgo: Number(calledMsAgo) < 0 ? Infinity : Number(calledMsAgo) };
  }

  async isCalled(): Promise<boolean> {
    const { keys, link } = this.#context;
    const [called] = await this.#context.ask([plain('HGET', keys.reports, '')]);
    return called !== null && link.time.nowMs() - Number(called) < CALL_LASTS_MS;
  }

  async put(processId: string, report: string): Promise<void> {
    await this.#context.ask([call(PUT_REPORT, [this.#context.keys.reports], processId, report, CALL_LASTS_MS)]);
  }

  async remove(processId: string): Promise<void> {
    await this.#context.ask([plain('HDEL', this.#context.keys.reports, processId)]);
  }
}

function reportsIn(fields: readonly ReplyValue[]): BoardReport[] {
  const reports: BoardReport[] = [];
  for (let i = 0; i + 2 < fields.length; i += 3)
    reports.push({ processId: String(fields[i]), ageMs: Number(fields[i + 1]), text: String(fields[i + 2]) });
  return reports;
}
