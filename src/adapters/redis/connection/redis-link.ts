import { asAnnounced } from '../../../core/observation/announced-fault.js';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';
import { Deadlines } from './deadlines.js';
import { allOrThrow, type ReplyValue, call, type Command, type RedisWire, type Reply } from './redis-wire.js';
import { TIME } from '../protocol/scripts.js';
import { ServerTime } from './server-time.js';

/*
 * What stands between the adapter and a Redis that may be away, slow or frozen. Every wait has a limit. A link is
 *
 *   down      there is no connection; calls are refused at once
 *   probing   there is one, but it has not proved itself: it is new, or three calls in a row got no answer in time. Calls
 *             are refused at once, so that they cost nothing, and a probe of the link's own is sent now and then
 *   up        the last probe was answered. It brought the server's time along
 */

export interface LinkOptions {
  /** Any key; probes go to its server, so that all processes keep the time of the same one. */
  readonly timeKey: string;
  /** How long a probe may take. */
  readonly limitMs: number;
  /** Called whenever the link comes up, with whether the server may have missed acknowledged commands. */
  readonly onUp: (isMoved: boolean) => void;
  /**
   * Called whenever the link turns out not to be up, again with each attempt that fails.
   * @param why absent where that is not known
   */
  readonly onAway?: (why: Error | undefined) => void;
}

const PROBE_EVERY_MS = { least: 50, most: 1_000 };
/** So long without an answer to a probe, and the connection itself is given up. */
const GIVE_UP_AFTER_MS = 3_000;
const SYNC_EVERY_MS = 30_000;
/** How far the server's time, as told from here, may be off. */
const CLOCK_TOLERANCE_MS = 100;
/** Calls without an answer in a row that make a connection doubtful. */
const DOUBTFUL_AFTER = 3;

export class RedisLink {
  readonly time: ServerTime;
  /** Resolves when the link is up for the first time. */
  readonly firstUp: Promise<void>;
  #tellFirstUp!: () => void;
  #state: 'down' | 'probing' | 'up' | 'closed' = 'down';
  readonly #deadlines: Deadlines;
  #unanswered = 0;
  #isMoved = false;
  #delayMs = PROBE_EVERY_MS.least;
  #silentSinceMs = 0;
  #timer: Timer | undefined;
  #reconnectedMs = -Infinity;
  #probes = 0;

  constructor(
    private readonly wire: RedisWire,
    private readonly clock: Clock,
    private readonly options: LinkOptions,
  ) {
    this.time = new ServerTime(clock);
    this.#deadlines = new Deadlines(clock);
    this.firstUp = new Promise((resolve) => (this.#tellFirstUp = resolve));
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
    this.options.onAway?.(undefined);
  }

  /** Acknowledged commands may be missing from the server: the next time the link comes up is told so. */
  moved(): void {
    this.#isMoved = true;
    if (this.#state === 'up') this.#doubt();
  }

  /**
   * A reply for each command. Rejects when there is none within `limitMs`; what was sent may have been run all the
   * same.
   * @param onLate called when the replies come after that
   */
  run(commands: readonly Command[], limitMs: number, onLate?: () => void): Promise<readonly Reply[]> {
    return this.within(limitMs, () => this.wire.run(commands), onLate).then((replies) => {
      for (const reply of replies) if (reply instanceof Error) this.#consider(reply);
      return replies;
    });
  }

  /** Like `run`, but rejects with the first reply that is an error. Sends nothing when there are no commands. */
  async ask(commands: readonly Command[], limitMs: number): Promise<readonly ReplyValue[]> {
    return commands.length === 0 ? [] : allOrThrow<ReplyValue>(await this.run(commands, limitMs));
  }

  /** The strings under the keys, by `onAnswer`, or why not, by `onError`; one of them is called, later. */
  getAll(
    keys: readonly string[],
    limitMs: number,
    onAnswer: (values: readonly (Buffer | null)[]) => void,
    onError: (error: unknown) => void,
  ): void {
    this.#send(limitMs, () => this.wire.getAll(keys), onAnswer, onError);
  }

  /** Asks for the server's time anew, because it seems to have jumped. */
  resync(): void {
    if (this.#state === 'up' && this.#probes === 0) this.#probe();
  }

  /** Sends commands that nobody waits for. What they were for must come right without them, if later. */
  post(commands: readonly Command[]): void {
    if (this.#state === 'up' || this.#state === 'probing') this.wire.run(commands).catch(() => undefined);
  }

  /**
   * The time of the server after which a command that is sent now, by who waits for so long, must not be run any more.
   */
  latestMs(limitMs: number): number {
    return Math.ceil(this.time.nowMs() + limitMs + CLOCK_TOLERANCE_MS);
  }

  close(): void {
    this.#state = 'closed';
    this.#timer?.cancel();
    this.#deadlines.close();
  }

  /**
   * What `work` brings, or `instead` where that takes longer than `limitMs`. It goes on, and if it fails then
   * `onLateError` is told.
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

  /** What `send` brings, if it does so within `limitMs`. @param onLate called where it does so later */
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
    if (limitMs <= 0) return process.nextTick(onError, new Error('No time was left to ask Redis.'));
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
    this.#silentSinceMs = this.clock.nowMs();
    this.#probe();
  }

  /** Of several probes that are under way each one that ends comes here. */
  #probeIn(delayMs: number): void {
    this.#timer?.cancel();
    this.#timer = this.clock.schedule(delayMs, () => this.#probe());
  }

  #probe(): void {
    this.#timer?.cancel();
    const sentMs = this.clock.nowMs();
    this.#probes++;
    const answer = this.wire.run([call(TIME, [this.options.timeKey])]).then(([reply]) => {
      if (typeof reply !== 'number') throw reply instanceof Error ? reply : new Error('Redis did not tell its time.');
      return reply;
    });
    const deadline = this.#deadlines.start(this.options.limitMs, () => {
      this.#probes--;
      this.#unproved(new Error(`no answer within ${Math.ceil(this.options.limitMs)} ms`));
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
    this.#tellFirstUp();
    const isMoved = this.#isMoved;
    this.#isMoved = false;
    this.options.onUp(isMoved);
  }

  #unproved(error: unknown): void {
    if (this.#state !== 'probing' && this.#state !== 'up') return;
    if (this.#state === 'up') return this.#doubt();
    if (error instanceof Error) {
      this.options.onAway?.(error);
      this.#consider(error);
    }
    if (this.clock.nowMs() - this.#silentSinceMs > GIVE_UP_AFTER_MS) {
      this.#silentSinceMs = this.clock.nowMs();
      this.wire.reconnect();
    }
    this.#probeIn(this.#delayMs);
    this.#delayMs = Math.min(this.#delayMs * 2, PROBE_EVERY_MS.most);
  }

  /** A master that has become a replica does not close its connections. */
  #consider(error: Error): void {
    if (!error.message.startsWith('READONLY')) return;
    this.options.onAway?.(error);
    const nowMs = this.clock.nowMs();
    if (nowMs - this.#reconnectedMs < PROBE_EVERY_MS.most) return;
    this.#reconnectedMs = nowMs;
    this.wire.reconnect();
  }

  #away(): Error {
    const cause = this.wire.lastError();
    const away = new Error(
      `Redis is ${this.#state === 'probing' ? 'not answering' : 'not connected'}.`,
      cause === undefined ? undefined : { cause },
    );
    return this.options.onAway === undefined ? away : asAnnounced(away);
  }
}
