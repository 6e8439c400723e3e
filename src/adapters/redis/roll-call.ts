import type { Clock } from '../../core/ports/clock.port.js';
import type { Silence } from './connection/change-announcer.js';
import { randomId } from './protocol/generation.js';
import { call, type Command, type Reply } from './connection/command.js';
import type { RedisKeys } from './protocol/redis-keys.js';
import { BEAT } from './protocol/server-scripts.js';

/*
 * Decides two things: is each change published that a listener on the bus needs, and do commands still go to the
 * database that the copies were read from? Every process asks the server several times within the bound (a beat). The
 * reply holds the random ids under three keys. The keys expire, and beats renew them:
 *
 *   mark   always exists. Another id means another database: SWAPDB, another server, a loss of data
 *   bus    exists while a process listens on the bus
 *   mute   exists while a process makes changes and has no right to publish. The process that makes it removes `bus`,
 *          which is then created again with another id
 *
 * Two rules, each by the clock of one process:
 *
 *   silence   A change may count as done without being published if its reply came within SILENCE_MS after the sending
 *             of a beat that found no `bus`, or that renewed `mute`. Otherwise it is published before it counts as
 *             done.
 *   trust     A listener on the bus trusts what it hears once a row of beats is TRUSTED_AFTER_MS old, counted from the
 *             first reply. All beats of a row find the same `mark` and `bus`, and no `mute`. Without trust it uses
 *             copies as `ttl` does; whenever trust begins or ends, it drops all copies.
 *
 * Proof that a listener with trust never uses a copy for longer than the bound: let a change count as done at t,
 * unpublished, because of a beat that was sent at c and run by the server at p; so t < c + SILENCE_MS <= p +
 * SILENCE_MS. Let the row of the listener have its first reply at a.
 *   - p before the row: t < a + SILENCE_MS. The change was done before the trust began, and no copy is older than that.
 *   - p within the row, between two of its beats: p found no `bus`, or a process made `mute` after the beat before and
 *   so
 *     removed `bus`. Then the beat after p found another id of `bus`, and was not in this row.
 *   - p after the last beat of the row, which was sent at b: copies are used until b + bound, before t + bound.
 * A change that was published counts as done after the message was sent: the proofs of the listener cover it
 * (redis-coherence.ts).
 *
 * When the connection is lost, the permissions that came from its beats end. Two swaps of databases between two beats
 * are not noticed.
 */

/** Time after a beat during which changes need not be published, if the beat allowed it. */
const SILENCE_MS = 1_500;
/** Age of a row that is trusted: slightly more, because clocks run at different speeds. */
const TRUSTED_AFTER_MS = SILENCE_MS + 100;
/** Lifetime of the keys after the last beat. */
const KEPT_MS = 60_000;
/** Time without a reply after which a request is sent again: requests must not pile up before a frozen server. */
export const ASK_AGAIN_AFTER_MS = 1_500;
/** Time after which a process without the right to publish tries again. */
const MUTE_FOR_MS = 10_000;

export interface RollCallOptions {
  readonly keys: RedisKeys;
  readonly clock: Clock;
  run(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** Called after each reply; `isAsBefore` is false when copies may be old, because something has changed. */
  onAnswer(isAsBefore: boolean): void;
}

interface Ids {
  readonly mark: string;
  readonly bus: string;
  readonly mute: string;
}

export class RollCall implements Silence {
  /** When the last beat was sent that was answered over the present connection. */
  provenMs = -Infinity;
  /** True when all changes that this process must hear are published. */
  isTrusted = true;
  readonly #options: RollCallOptions;
  #isOnBus = false;
  #muteUntilMs = -Infinity;
  #silentUntilMs = -Infinity;
  #known: Ids | undefined;
  #rowSinceMs = Infinity;
  #askedMs = -Infinity;
  /** Number of the connection and role: a reply to a beat of an earlier one is ignored. */
  #session = 0;

  constructor(options: RollCallOptions) {
    this.#options = options;
  }

  isAllowed(): boolean {
    return this.#options.clock.nowMs() < this.#silentUntilMs;
  }

  async demand(): Promise<boolean> {
    this.#muteUntilMs = this.#options.clock.nowMs() + MUTE_FOR_MS;
    await this.#ask().catch(() => undefined);
    return this.isAllowed();
  }

  /** Sets the role of this process: `isOnBus` is true when it listens on the bus. */
  setRole(isOnBus: boolean): void {
    this.#isOnBus = isOnBus;
    this.isTrusted = !isOnBus;
    this.#rowSinceMs = Infinity;
    this.#known = undefined;
    this.reset();
  }

  /** Forgets what earlier replies have proven: the next ones come from another connection. */
  reset(): void {
    this.#session++;
    this.provenMs = -Infinity;
    this.#silentUntilMs = -Infinity;
    this.#askedMs = -Infinity;
  }

  beat(): void {
    if (this.#options.clock.nowMs() - this.#askedMs >= ASK_AGAIN_AFTER_MS) this.#ask().catch(() => undefined);
  }

  async #ask(): Promise<void> {
    const { clock, keys } = this.#options;
    const session = this.#session;
    const sentMs = clock.nowMs();
    const isMute = sentMs < this.#muteUntilMs;
    this.#askedMs = sentMs;
    const [reply] = await this.#options.run([
      call(BEAT, keys.roll, randomId(), KEPT_MS, this.#isOnBus ? 1 : 0, isMute ? 1 : 0),
    ]);
    if (session !== this.#session || sentMs < this.provenMs) return;
    this.#askedMs = -Infinity;
    if (!Array.isArray(reply)) return;
    const [mark = '', bus = '', mute = ''] = reply.map(String);
    this.provenMs = sentMs;
    this.#silentUntilMs = isMute || bus === '' ? sentMs + SILENCE_MS : -Infinity;
    this.#note({ mark, bus, mute });
  }

  #note(ids: Ids): void {
    const { clock } = this.#options;
    const known = this.#known;
    const isSame = known?.mark === ids.mark && (!this.#isOnBus || known.bus === ids.bus);
    this.#known = ids;
    if (ids.mute !== '') this.#rowSinceMs = Infinity;
    else if (!isSame || this.#rowSinceMs === Infinity) this.#rowSinceMs = clock.nowMs();
    const wasTrusted = this.isTrusted;
    this.isTrusted = !this.#isOnBus || clock.nowMs() - this.#rowSinceMs >= TRUSTED_AFTER_MS;
    this.#options.onAnswer(isSame && wasTrusted === this.isTrusted);
  }
}
