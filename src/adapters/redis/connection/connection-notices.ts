import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import { type Endpoint, type Reason, reasonOf } from './connection-reasons.js';

/*
 * The log lines about the connection of one cache, which may have many sockets: one line at the start, and one for each
 * change. `up` and `away` are called with every attempt to connect. A line is written only for a state that has lasted
 * for 200 ms, and one second after the line before. It describes the state at the time of writing.
 */

export type NoticeLevel = 'log' | 'warn' | 'error';

export interface ConnectionNoticesOptions {
  /** The subject of the sentences: `Redis at redis://localhost:6379/0`. */
  readonly subject: string;
  readonly endpoint: Omit<Endpoint, 'hasWorked'>;
  readonly clock: Clock;
  /** Describes the server, such as `version 7.2.4`; `undefined` when it is not known. */
  readonly describe: () => string | undefined;
  /** The fault of a connection that is open. */
  readonly complaint: () => Error | undefined;
  readonly onNotice: (sentence: string, level: NoticeLevel) => void;
}

/**
 * Time for which a state must last before it is reported. The next attempt brings the reason for a lost connection.
 */
const LASTS_MS = 200;
/** Time without a refused write after which a server counts as a master: replicas answer probes, too. */
const WRITABLE_MS = 3_000;
/** Time between two lines. */
const BETWEEN_LINES_MS = 1_000;
/** Time after which a reason is repeated: reasons may alternate when nodes fail in different ways. */
const REPEATED_AFTER_MS = 60_000;
const CONSEQUENCE = 'Until then the application runs uncached; invalidations are kept and sent later.';

export class ConnectionNotices {
  #state: 'unknown' | 'up' | 'away' = 'unknown';
  #reason: Reason | undefined;
  #said: 'nothing' | 'up' | 'away' = 'nothing';
  #lastKind = '';
  #wasUp = false;
  #awaySinceMs = 0;
  #mayWriteMs = -Infinity;
  #timer: Timer | undefined;
  /** Fires when no write was refused for long enough. */
  #proof: Timer | undefined;
  #isClosed = false;
  /** The time of the last line with each reason, in this absence. */
  readonly #given = new Map<string, number>();

  readonly #options: ConnectionNoticesOptions;

  constructor(options: ConnectionNoticesOptions) {
    this.#options = options;
    this.#awaySinceMs = options.clock.nowMs();
  }

  up(): void {
    if (this.#state === 'up' || this.#isClosed) return;
    if (this.#reason?.kind !== 'read-only') return this.#rise();
    this.#proof?.cancel();
    this.#proof = this.#options.clock.schedule(WRITABLE_MS, () => this.#rise());
  }

  /** @param error the reason, if known; without secrets */
  away(error: Error | undefined): void {
    if (this.#isClosed) return;
    if (this.#state === 'up' && this.#said === 'up') this.#awaySinceMs = this.#options.clock.nowMs();
    this.#proof?.cancel();
    const isNew = this.#state !== 'away';
    this.#state = 'away';
    if (error !== undefined || this.#reason === undefined)
      this.#reason = reasonOf(error, { ...this.#options.endpoint, hasWorked: this.#wasUp });
    if (isNew || (this.#timer === undefined && this.#isNews(this.#reason))) this.#sayLater();
  }

  /** Called when the application starts without Redis. @param error the reason */
  started(error: Error): void {
    if (this.#state === 'unknown') this.away(error);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#proof?.cancel();
  }

  #rise(): void {
    this.#state = 'up';
    this.#sayLater();
  }

  #sayLater(): void {
    const nowMs = this.#options.clock.nowMs();
    const dueMs = this.#said === 'nothing' ? nowMs : Math.max(nowMs + LASTS_MS, this.#mayWriteMs);
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueMs <= nowMs) return this.#say();
    this.#timer = this.#options.clock.schedule(dueMs - nowMs, () => this.#say());
  }

  #say(): void {
    this.#timer = undefined;
    if (this.#state === 'up') this.#sayUp();
    else if (this.#reason !== undefined) this.#sayAway(this.#reason);
  }

  #sayUp(): void {
    const { subject, endpoint, describe, complaint } = this.#options;
    const reason = this.#reason;
    this.#reason = undefined;
    this.#given.clear();
    if (this.#said === 'up') return;
    const wrong = complaint();
    if (wrong !== undefined) {
      const { sentence, level } = reasonOf(wrong, { ...endpoint, hasWorked: true });
      this.#write(`${subject} ${sentence}`, level);
    } else {
      const facts = describe();
      const after = reason === undefined ? '' : ` after ${formatted(this.#options.clock.nowMs() - this.#awaySinceMs)}`;
      this.#write(
        `${subject} is ${this.#wasUp ? 'back' : 'connected'}${after}${facts === undefined ? '' : ` (${facts})`}.`,
        'log',
      );
    }
    this.#wasUp = true;
    this.#said = 'up';
  }

  #sayAway(reason: Reason): void {
    if (!this.#isNews(reason)) return;
    const { kind, sentence, level } = reason;
    this.#given.set(kind, this.#options.clock.nowMs());
    this.#said = 'away';
    this.#lastKind = kind;
    this.#write(`${this.#options.subject} ${sentence} ${CONSEQUENCE}`, level);
  }

  #isNews({ kind }: Reason): boolean {
    if (this.#said !== 'away') return true;
    return (
      kind !== this.#lastKind && this.#options.clock.nowMs() - (this.#given.get(kind) ?? -Infinity) >= REPEATED_AFTER_MS
    );
  }

  #write(sentence: string, level: NoticeLevel): void {
    this.#mayWriteMs = this.#options.clock.nowMs() + BETWEEN_LINES_MS;
    this.#options.onNotice(sentence, level);
  }
}

function formatted(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 1_000)} s`;
}
