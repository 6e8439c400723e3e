import type { Clock } from '../../core/ports/clock.port.js';
import type { Silence } from './connection/announcer.js';
import { randomId } from './protocol/generation.js';
import { call, type Command, type Reply } from './connection/redis-wire.js';
import type { RedisKeys } from './protocol/redis-keys.js';
import { BEAT } from './protocol/scripts.js';

/*
 * Whether each change is published that somebody has to hear of by the bus, and whether commands still go to the
 * database that the copies are from. Every process asks the server several times within the bound (a beat), which
 * answers with the random ids under three keys. They expire, and beats keep them:
 *
 *   mark   stands always. Another id tells of another database: SWAPDB, another server, a loss of data
 *   bus    stands while somebody listens on the bus
 *   mute   stands while somebody makes changes who may not publish. Whoever makes it removes `bus`, which comes back with another id
 *
 * Two rules, by the clock of each process alone:
 *
 *   silence   A change may count as done without being published where its answer came within SILENCE_MS of the sending of a beat
 *             that found no `bus`, or that kept `mute`. Otherwise it is published before it counts.
 *   trust     A listener on the bus trusts what it hears once a row of beats is TRUSTED_AFTER_MS old, counted from the first answer.
 *             All beats of a row find the same `mark` and `bus`, and no `mute`. Until then it uses copies as `ttl` does, and
 *             whenever trust begins or ends, all copies go.
 *
 * Why a listener that trusts never uses a copy for longer than the bound: let a change count as done at t, unpublished,
 * by virtue of a beat that was sent at c and run by the server at p; so t < c + SILENCE_MS <= p + SILENCE_MS. Let the
 * row of the listener have its first answer at a.
 *   - p before the row: t < a + SILENCE_MS. The change was done before the trust began, and no copy is from before that.
 *   - p within the row, between two of its beats: p found no `bus`, or somebody made `mute` since the beat before and so
 *     removed `bus`. Then the beat after found another id of `bus`, and was not of this row.
 *   - p after the last beat of the row, which was sent at b: copies are used until b + bound, before t + bound.
 * A change that was published counts as done after the message was sent: its listener's proofs cover it
 * (redis-coherence.ts).
 *
 * When the connection is lost, what its beats have allowed is over. Not noticed are two swaps of databases between two
 * beats.
 */

/** How long after a beat that allowed it changes need not be published. */
const SILENCE_MS = 1_500;
/** A little more, for clocks that do not go at the same pace. */
const TRUSTED_AFTER_MS = SILENCE_MS + 100;
/** How long the keys are kept for a process that says nothing more. */
const KEPT_MS = 60_000;
/** A frozen server answers nothing for as long as it likes: questions must not pile up before it. */
const ASK_AGAIN_AFTER_MS = 1_500;
/** When a process that may not publish tries again. */
const MUTE_FOR_MS = 10_000;

export interface RollCallOptions {
  readonly keys: RedisKeys;
  readonly clock: Clock;
  run(commands: readonly Command[]): Promise<readonly Reply[]>;
  /** Called after each answer, with whether all is as it was at the one before: otherwise copies may be old. */
  onAnswer(isAsBefore: boolean): void;
}

interface Ids {
  readonly mark: string;
  readonly bus: string;
  readonly mute: string;
}

export class RollCall implements Silence {
  /** When the youngest beat was sent that was answered over the connection that stands. */
  provenMs = -Infinity;
  /** Whether this process hears of all changes, if it hears of all that are published. */
  isTrusted = true;
  readonly #options: RollCallOptions;
  #isOnBus = false;
  #muteUntilMs = -Infinity;
  #silentUntilMs = -Infinity;
  #known: Ids | undefined;
  #rowSinceMs = Infinity;
  #askedMs = -Infinity;
  /** Tells answers that concern the present server and role from others. */
  #turn = 0;

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

  /** What this process listens to from now on. */
  take(isOnBus: boolean): void {
    this.#isOnBus = isOnBus;
    this.isTrusted = !isOnBus;
    this.#rowSinceMs = Infinity;
    this.#known = undefined;
    this.reset();
  }

  /** The answers to come are from another connection. */
  reset(): void {
    this.#turn++;
    this.provenMs = -Infinity;
    this.#silentUntilMs = -Infinity;
    this.#askedMs = -Infinity;
  }

  beat(): void {
    if (this.#options.clock.nowMs() - this.#askedMs >= ASK_AGAIN_AFTER_MS) this.#ask().catch(() => undefined);
  }

  async #ask(): Promise<void> {
    const { clock, keys } = this.#options;
    const turn = this.#turn;
    const sentMs = clock.nowMs();
    const isMute = sentMs < this.#muteUntilMs;
    this.#askedMs = sentMs;
    const [reply] = await this.#options.run([
      call(BEAT, keys.roll, randomId(), KEPT_MS, this.#isOnBus ? 1 : 0, isMute ? 1 : 0),
    ]);
    if (turn !== this.#turn || sentMs < this.provenMs) return;
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
