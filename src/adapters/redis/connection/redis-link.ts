import { asAnnounced } from '../../../core/observation/announced-fault.js';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import { Deadlines } from './deadlines.js';
import { allOrThrow, type ReplyValue, call, type Command, type Reply } from './command.js';
import type { RedisWire } from './redis-wire.port.js';
import { TIME } from '../protocol/server-scripts.js';
import { ServerTime } from './server-time.js';

/*
 * Protects the adapter from a Redis that is away, slow or frozen: every wait has a time limit. The states of a link:
 *
 *   down      there is no connection; calls are rejected at once
 *   probing   there is a connection, but it is new, or three calls in a row got no reply in time. Calls are rejected at
 *             once, so that they cost no time, and the link sends probes at intervals
 *   up        the last probe was answered; its reply was the time of the server
 *   closed    after close(); final
 */

export interface LinkOptions {
  /** A key on the server that probes go to: all processes then use the time of the same server. */
  readonly timeKey: string;
  /** Time limit of a probe. */
  readonly limitMs: number;
  /** Called whenever the link comes up; `isMoved` is true when the server may have lost acknowledged commands. */
  readonly onUp: (isMoved: boolean) => void;
  /**
   * Called whenever the link is found not to be up, and again after each failed probe.
   * @param why `undefined` when the reason is not known
   */
  readonly onAway?: (why: Error | undefined) => void;
}

/** Interval of probes; it doubles after each failed one. */
const PROBE_EVERY_MS = { least: 50, most: 1_000 };
/** Time without an answer to a probe after which the connection is replaced. */
const RECONNECT_AFTER_MS = 3_000;
/** Interval of probes that keep the server's time while the link is up. */
const SYNC_EVERY_MS = 30_000;
/** Largest error of the server's time as this process computes it. */
const CLOCK_TOLERANCE_MS = 100;
/** Calls in a row without a reply in time after which the connection is probed. */
const DOUBTFUL_AFTER = 3;

export class RedisLink {
  readonly time: ServerTime;
  /** Resolves when the link is up for the first time. */
  readonly firstUp: Promise<void>;
  #resolveFirstUp!: () => void;
  #state: 'down' | 'probing' | 'up' | 'closed' = 'down';
  readonly #deadlines: Deadlines;
  #unanswered = 0;
  #isMoved = false;
  #delayMs = PROBE_EVERY_MS.least;
  #silentSinceMs = 0;
  #timer: Timer | undefined;
  #reconnectedMs = -Infinity;
  #probes = 0;

  readonly #wire: RedisWire;
  readonly #clock: Clock;
  readonly #options: LinkOptions;

  constructor(wire: RedisWire, clock: Clock, options: LinkOptions) {
    this.#wire = wire;
    this.#clock = clock;
    this.#options = options;
    this.time = new ServerTime(clock);
    this.#deadlines = new Deadlines(clock);
    this.firstUp = new Promise((resolve) => (this.#resolveFirstUp = resolve));
  }

  get status(): 'up' | 'degraded' | 'down' {
    if (this.#state === 'up') return 'up';
    return this.#state === 'probing' ? 'degraded' : 'down';
  }

  isUp(): boolean {
    return this.#state === 'up';
  }

  connectionUp(): void {
    if (this.#state !== 'closed') this.#doubt();
  }

  connectionDown(): void {
    if (this.#state === 'closed') return;
    this.#state = 'down';
    this.#timer?.cancel();
    this.#options.onAway?.(undefined);
  }

  /** Records that the server may have lost acknowledged commands; the next `onUp` reports it. */
  moved(): void {
    this.#isMoved = true;
    if (this.#state === 'up') this.#doubt();
  }

  /**
   * Sends commands and returns a reply for each; a reply may be an error. Rejects when there are no replies within
   * `limitMs`; the server may have run the commands all the same.
   * @param onLate called when the replies come after the limit
   */
  run(commands: readonly Command[], limitMs: number, onLate?: () => void): Promise<readonly Reply[]> {
    return this.within(limitMs, () => this.#wire.run(commands), onLate).then((replies) => {
      for (const reply of replies) if (reply instanceof Error) this.#checkRole(reply);
      return replies;
    });
  }

  /** Like `run`, but rejects with the first reply that is an error. Sends nothing when there are no commands. */
  async ask(commands: readonly Command[], limitMs: number): Promise<readonly ReplyValue[]> {
    return commands.length === 0 ? [] : allOrThrow<ReplyValue>(await this.run(commands, limitMs));
  }

  /** Reads the strings under the keys. Calls either `onAnswer` or `onError`, never before it returns. */
  getAll(
    keys: readonly string[],
    limitMs: number,
    onAnswer: (values: readonly (Buffer | null)[]) => void,
    onError: (error: unknown) => void,
  ): void {
    this.#send(limitMs, () => this.#wire.getAll(keys), onAnswer, onError);
  }

  /** Requests the server's time again, because it seems to have jumped. */
  resync(): void {
    if (this.#state === 'up' && this.#probes === 0) this.#probe();
  }

  /** Sends commands without waiting for replies. Their effect must come about without them too, at a later time. */
  post(commands: readonly Command[]): void {
    if (this.#state === 'up' || this.#state === 'probing') this.#wire.run(commands).catch(() => undefined);
  }

  /** The server's time after which a command that is sent now, with this time limit, must not run any more. */
  latestMs(limitMs: number): number {
    return Math.ceil(this.time.nowMs() + limitMs + CLOCK_TOLERANCE_MS);
  }

  close(): void {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#deadlines.close();
  }

  /**
   * Resolves with the result of `work`, or with `instead` when that takes longer than `limitMs`. The work then goes on,
   * and its failure is reported to `onLateError`.
   */
  orInstead<T>(limitMs: number, work: Promise<T>, instead: T, onLateError: (error: unknown) => void): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = this.#deadlines.start(Math.max(0, limitMs), () => resolve(instead));
      work.then(
        (answer) => {
          if (this.#deadlines.meet(deadline)) resolve(answer);
        },
        (error: unknown) => (this.#deadlines.meet(deadline) ? reject(error as Error) : onLateError(error)),
      );
    });
  }

  /**
   * Resolves with the result of `send`, or rejects after `limitMs`.
   * @param onLate called when the result comes later
   */
  within<T>(limitMs: number, send: () => Promise<T>, onLate?: () => void): Promise<T> {
    return new Promise((resolve, reject) => this.#send(limitMs, send, resolve, reject, onLate));
  }

  #send<T>(
    limitMs: number,
    send: () => Promise<T>,
    onAnswer: (answer: T) => void,
    onError: (error: unknown) => void,
    onLate?: () => void,
  ): void {
    if (this.#state !== 'up') return process.nextTick(onError, this.#away());
    if (limitMs <= 0)
      return process.nextTick(onError, new Error('The time limit of the call was over before Redis could be asked.'));
    const deadline = this.#deadlines.start(limitMs, () => {
      if (++this.#unanswered >= DOUBTFUL_AFTER && this.#state === 'up') this.#doubt();
      onError(new Error(`Redis did not answer within ${Math.ceil(limitMs)} ms.`));
    });
    send().then(
      (answer) => {
        this.#unanswered = 0;
        if (this.#deadlines.meet(deadline)) onAnswer(answer);
        else onLate?.();
      },
      (error: unknown) => {
        if (this.#deadlines.meet(deadline)) onError(error);
      },
    );
  }

  #doubt(): void {
    this.#state = 'probing';
    this.#unanswered = 0;
    this.#delayMs = PROBE_EVERY_MS.least;
    this.#silentSinceMs = this.#clock.nowMs();
    this.#probe();
  }

  /** Replaces the timer: several probes may be running, and each one that ends schedules the next. */
  #probeIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.#clock.schedule(delayMs, () => this.#probe());
  }

  #probe(): void {
    this.#timer?.cancel();
    const sentMs = this.#clock.nowMs();
    this.#probes++;
    const answer = this.#wire.run([call(TIME, [this.#options.timeKey])]).then(([reply]) => {
      if (typeof reply !== 'number')
        throw reply instanceof Error ? reply : new Error('Expected the time of the Redis server, got another reply.');
      return reply;
    });
    const deadline = this.#deadlines.start(this.#options.limitMs, () => {
      this.#probes--;
      this.#unproved(new Error(`no answer within ${Math.ceil(this.#options.limitMs)} ms`));
    });
    const isInTime = (): boolean => {
      if (!this.#deadlines.meet(deadline)) return false;
      this.#probes--;
      return true;
    };
    answer.then(
      (serverMs) => {
        if (isInTime()) this.#proved(serverMs, sentMs);
      },
      (error: unknown) => {
        if (isInTime()) this.#unproved(error);
      },
    );
  }

  #proved(serverMs: number, sentMs: number): void {
    if (this.#state !== 'probing' && this.#state !== 'up') return;
    this.time.sync(serverMs, sentMs);
    this.#probeIn(SYNC_EVERY_MS);
    if (this.#state === 'up') return;
    this.#state = 'up';
    this.#resolveFirstUp();
    const isMoved = this.#isMoved;
    this.#isMoved = false;
    this.#options.onUp(isMoved);
  }

  #unproved(error: unknown): void {
    if (this.#state !== 'probing' && this.#state !== 'up') return;
    if (this.#state === 'up') return this.#doubt();
    if (error instanceof Error) {
      this.#options.onAway?.(error);
      this.#checkRole(error);
    }
    if (this.#clock.nowMs() - this.#silentSinceMs > RECONNECT_AFTER_MS) {
      this.#silentSinceMs = this.#clock.nowMs();
      this.#wire.reconnect();
    }
    this.#probeIn(this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, PROBE_EVERY_MS.most);
  }

  /** Reconnects after a READONLY error: a master that becomes a replica does not close its connections. */
  #checkRole(error: Error): void {
    if (!error.message.startsWith('READONLY')) return;
    this.#options.onAway?.(error);
    const nowMs = this.#clock.nowMs();
    if (nowMs - this.#reconnectedMs < PROBE_EVERY_MS.most) return;
    this.#reconnectedMs = nowMs;
    this.#wire.reconnect();
  }

  #away(): Error {
    const cause = this.#wire.lastError();
    const away = new Error(
      `Redis is ${this.#state === 'probing' ? 'not answering' : 'not connected'}.`,
      cause === undefined ? undefined : { cause },
    );
    return this.#options.onAway === undefined ? away : asAnnounced(away);
  }
}
