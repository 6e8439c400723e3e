import type { CoherenceUsage } from '../../core/ports/cache-adapter.port.js';
import type { Clock, Timer } from '../../core/ports/clock.port.js';
import type { Coherence, CoherenceListener } from '../../core/ports/coherence.port.js';
import { COHERENCE_MODES, type CoherenceMode } from './options/redis-options.js';
import type { ChangeFeed, CoherenceWire, ChangeListener, ChangeHandlers } from './connection/coherence-wire.port.js';
import type { RedisKeys } from './protocol/redis-keys.js';
import { RollCall } from './roll-call.js';

/*
 * Hears of every change in Redis, and knows how much of the past is complete.
 *
 *   tracking   Every master tells of all keys that change under the prefixes of entries and generations, whoever
 *              changes them: this kit, another client, expiry, eviction, FLUSHALL.
 *   bus        Those who change something say so on a channel of the same master, right behind the change. What is not
 *              done by this kit is not heard of. As long as it is not known that all others publish, copies are used as
 *              by ttl.
 *   ttl        Nothing is heard; a copy is used for a limited time.
 *
 * The proof: there is one listener for each master. A PING is sent on each several times within the bound, and an
 * answer says that the listener has heard everything that this master did before it got the PING. Beats say that
 * commands still go to the same database, and whether all publish (roll-call.ts). Copies are good for the bound,
 * counted from the sending of the oldest of these PINGs and of the beat. All else errs on the safe side: a listener
 * that was lost and came back, another set of masters, a proof that came too late, an answer from a server that is not
 * known, and commands that go to another server than the one that is listened to, each end the proof and all copies.
 *
 * A way that the server has refused is tried again now and then: it may have been refused for a moment only.
 */

export interface RedisCoherenceOptions {
  readonly mode: CoherenceMode;
  readonly maxStalenessMs: number;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  onNotice(sentence: string): void;
}

/** Proofs are asked for so often within the bound, so that one or two may be slow. */
const BEATS_PER_BOUND = 4;
const MAX_BEAT_MS = 500;
const ASK_AGAIN_AFTER_MS = 1_500;
/** When a way is tried again that was refused; twice as late after each refusal. */
const RETRY_MS = { least: 1_000, most: 60_000 };
const UNTRUSTED =
  'Not all other processes are known to publish what they change, so that no copy is used for longer than `maxStaleness`.';

export class RedisCoherence implements Coherence {
  provenUntilMs = -Infinity;
  copyLimitMs = Infinity;
  readonly #wire: CoherenceWire;
  readonly #options: RedisCoherenceOptions;
  readonly #changeListeners = new Map<string, ChangeListener>();
  readonly #roll: RollCall;
  readonly #wanted: string;
  #mode: CoherenceMode;
  #reason: string;
  #listener: CoherenceListener | undefined;
  #beat: Timer | undefined;
  /** When the youngest look at all masters was sent that found them in their places. */
  #placesProvenMs = -Infinity;
  /** When they were last asked for; not answered yet. */
  #askedMs = -Infinity;
  #isClosed = false;
  #tellFirstProof!: () => void;
  #noticed: CoherenceMode | undefined;
  #retry: Timer | undefined;
  #retryMs = RETRY_MS.least;
  /** Listens in a better way, to see whether that is allowed. */
  #probe: ChangeListener | undefined;
  /** Resolves when copies can be used for the first time. */
  readonly firstProof = new Promise<void>((resolve) => (this.#tellFirstProof = resolve));

  constructor(wire: CoherenceWire, options: RedisCoherenceOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#mode = options.mode;
    this.#reason = this.#wanted =
      options.mode === 'tracking'
        ? 'The server tells of every change by itself.'
        : `\`redis.coherence\` is '${options.mode}'.`;
    this.#roll = new RollCall({
      keys: options.keys,
      clock: options.clock,
      run: (commands) => wire.run(commands),
      onAnswer: (isAsBefore) => this.#called(isAsBefore),
    });
  }

  /** From now on it asks for proofs. */
  start(): void {
    this.#wire.watchTopology({
      onMasters: () => this.#join(),
      onStrayed: () => this.#distrust(),
      onAway: () => this.#roll.reset(),
    });
    this.#wire.announceChanges(this.#options.keys.bus, {
      isAllowed: () => this.#roll.isAllowed(),
      demand: (refusal) => {
        if (this.#mode === 'bus') this.#fallBack(refusal);
        return this.#roll.demand();
      },
    });
    this.#enter(this.#mode);
    this.#beat = this.#nextBeat();
    this.#roll.beat();
  }

  listen(listener: CoherenceListener): void {
    this.#listener = listener;
  }

  usage(): CoherenceUsage {
    const { isTrusted } = this.#roll;
    return {
      mode: this.#mode,
      reason: isTrusted ? this.#reason : `${this.#reason} ${UNTRUSTED}`,
      isProven: isTrusted && this.#options.clock.nowMs() < this.provenUntilMs,
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#beat?.cancel();
    this.#retry?.cancel();
    this.#roll.reset();
    this.provenUntilMs = -Infinity;
    const listeners = [...this.#changeListeners.values(), ...(this.#probe === undefined ? [] : [this.#probe])];
    this.#changeListeners.clear();
    await Promise.all(listeners.map((listener) => listener.close()));
  }

  #enter(mode: CoherenceMode): void {
    this.#mode = mode;
    this.#roll.take(mode === 'bus');
    this.#leave([...this.#changeListeners.keys()]);
    if (mode === 'ttl') return this.#limit();
    this.copyLimitMs = Infinity;
    this.#join();
  }

  /** A beat was answered. */
  #called(isAsBefore: boolean): void {
    if (this.#isClosed) return;
    if (!isAsBefore) this.#distrust();
    this.#prove();
  }

  /** Each copy is used for the bound alone, counted from the read that brought it: nothing else has to be proven. */
  #limit(): void {
    this.copyLimitMs = this.#options.maxStalenessMs;
    this.provenUntilMs = Infinity;
    this.#proved();
  }

  /** Listens to the masters that there are now, and to no others. */
  #join(): void {
    if (this.#isClosed || this.#mode === 'ttl') return;
    const wanted = new Map<string, { master: string; feed: ChangeFeed }>(
      this.#wire.masters().flatMap((master) => {
        const feed = this.#feedOf(master);
        return feed === undefined
          ? []
          : [[`${master} ${feed.kind === 'bus' ? feed.channel : ''}`, { master, feed }] as const];
      }),
    );
    const gone = [...this.#changeListeners.keys()].filter((id) => !wanted.has(id));
    const added = [...wanted].filter(([id]) => !this.#changeListeners.has(id));
    if (gone.length === 0 && added.length === 0) return;
    this.#leave(gone);
    for (const [id, { master, feed }] of added) {
      const listener: ChangeListener | undefined = this.#wire.openListener(
        master,
        feed,
        this.#options.clock,
        this.#listenerWhile(() => this.#changeListeners.get(id) === listener),
      );
      if (listener !== undefined) this.#changeListeners.set(id, listener);
    }
  }

  #leave(ids: readonly string[]): void {
    for (const id of ids) {
      void this.#changeListeners.get(id)?.close();
      this.#changeListeners.delete(id);
    }
    this.#distrust();
  }

  /** `undefined` for a master that nothing can be said on: it has no slots. */
  #feedOf(master: string, mode = this.#mode): ChangeFeed | undefined {
    const { keys } = this.#options;
    if (mode === 'tracking') return { kind: 'tracking', prefixes: [keys.entryPrefix, keys.generationPrefix] };
    const channel = this.#wire.nameOn(master, keys.bus);
    return channel === undefined ? undefined : { kind: 'bus', channel, isSharded: this.#wire.isCluster };
  }

  /** A listener that was left may speak once more: what several masters refuse at once is refused once. */
  #listenerWhile(isCurrent: () => boolean): ChangeHandlers {
    return {
      onOpen: () => isCurrent() && this.#distrust(),
      onLost: () => isCurrent() && this.#distrust(),
      onNames: (names) => isCurrent() && this.#heard(names),
      onProof: () => isCurrent() && this.#prove(),
      onRefused: (error) => isCurrent() && this.#fallBack(error),
    };
  }

  #heard(names: readonly string[] | undefined): void {
    if (names === undefined) return this.#listener?.onChange({ kind: 'all' });
    for (const name of names) {
      const target = this.#options.keys.targetOf(name);
      if (target !== undefined) this.#listener?.onChange(target);
    }
  }

  /**
   * Something may have been missed: all copies go, also those that are being read, and nothing is proven until it is
   * proven anew.
   */
  #distrust(): void {
    this.provenUntilMs = -Infinity;
    this.#placesProvenMs = -Infinity;
    this.#listener?.onChange({ kind: 'all' });
  }

  #prove(): void {
    if (this.#mode === 'ttl' || !this.#roll.isTrusted) return this.#limit();
    this.copyLimitMs = Infinity;
    const oldestMs = this.#oldestProofMs();
    if (oldestMs === -Infinity) return;
    const nowMs = this.#options.clock.nowMs();
    // Proven once and not proven now: what was heard is complete, but the servers may have changed their parts
    // meanwhile.
    if (this.provenUntilMs !== -Infinity && this.provenUntilMs <= nowMs) this.#listener?.onChange({ kind: 'all' });
    this.provenUntilMs = oldestMs + this.#options.maxStalenessMs;
    this.#proved();
  }

  #proved(): void {
    if (this.#mode === this.#options.mode) this.#retryMs = RETRY_MS.least;
    if (this.#noticed === this.#mode) return;
    this.#noticed = this.#mode;
    this.#options.onNotice(`Near copies learn of changes by '${this.#mode}'. ${this.#reason}`);
    this.#tellFirstProof();
  }

  #oldestProofMs(): number {
    if (this.#changeListeners.size === 0) return -Infinity;
    let oldestMs = Math.min(this.#roll.provenMs, this.#wire.isCluster ? this.#placesProvenMs : Infinity);
    for (const listener of this.#changeListeners.values()) {
      const isServed = listener.isOpen ? this.#wire.isServedBy(listener.serverId) : undefined;
      // Commands go to another server than the one that is listened to: one of both has not followed a failover yet.
      if (isServed === false) listener.restart();
      if (isServed !== true) return -Infinity;
      oldestMs = Math.min(oldestMs, listener.provenMs);
    }
    return oldestMs;
  }

  #nextBeat(): Timer {
    const { clock, maxStalenessMs } = this.#options;
    return clock.schedule(Math.min(maxStalenessMs / BEATS_PER_BOUND, MAX_BEAT_MS), () => {
      this.#beat = this.#nextBeat();
      this.#roll.beat();
      if (this.#wire.isCluster && this.#mode !== 'ttl') this.#provePlaces();
      for (const listener of this.#changeListeners.values()) listener.beat();
    });
  }

  /**
   * Asks each master of a cluster for a key of its own: one that was replaced, or has lost the others, does not answer.
   */
  #provePlaces(): void {
    const sentMs = this.#options.clock.nowMs();
    // A frozen server answers nothing for as long as it likes: questions must not pile up before it.
    if (sentMs - this.#askedMs < ASK_AGAIN_AFTER_MS) return;
    this.#askedMs = sentMs;
    const answered = (areThey: boolean): void => {
      this.#askedMs = -Infinity;
      if (!areThey || this.#isClosed) return;
      this.#placesProvenMs = sentMs;
      this.#prove();
    };
    this.#wire.areInPlace(this.#options.keys.beat).then(answered, () => answered(false));
  }

  #fallBack(error: Error): void {
    const next = COHERENCE_MODES[COHERENCE_MODES.indexOf(this.#mode) + 1];
    if (next === undefined || this.#isClosed) return;
    this.#reason = `The server allows no ${this.#mode === 'tracking' ? 'tracking' : 'messages'}: ${error.message}`;
    this.#enter(next);
    this.#tryAgain();
  }

  /** Some time from now the ways before this one are tried again, from the best one. */
  #tryAgain(): void {
    this.#retry?.cancel();
    const { clock, mode } = this.#options;
    this.#retry = clock.schedule(this.#retryMs, () => {
      this.#tryAgain();
      this.#try(mode);
    });
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
  }

  /** Enters a better way than the present one, or one behind it, where the server allows it now. */
  #try(mode: CoherenceMode): void {
    this.#endProbe();
    const [master] = this.#wire.masters();
    const feed = master === undefined ? undefined : this.#feedOf(master, mode);
    if (feed === undefined || COHERENCE_MODES.indexOf(mode) >= COHERENCE_MODES.indexOf(this.#mode)) return;
    const ifCurrent = (act: () => void) => () => probe !== undefined && probe === this.#probe && act();
    const probe = this.#wire.openListener(master as string, feed, this.#options.clock, {
      onOpen: ifCurrent(() => void this.#enterIfAllowed(mode)),
      onRefused: ifCurrent(() => this.#try(COHERENCE_MODES[COHERENCE_MODES.indexOf(mode) + 1] ?? 'ttl')),
      onLost: () => undefined,
      onNames: () => undefined,
      onProof: () => undefined,
    });
    this.#probe = probe;
  }

  async #enterIfAllowed(mode: CoherenceMode): Promise<void> {
    const before = this.#mode;
    this.#endProbe();
    // Who listens has to be able to speak, too.
    if (mode === 'bus' && (await this.#wire.mayAnnounce()) !== true) return;
    if (this.#isClosed || this.#mode !== before) return;
    if (mode === this.#options.mode) {
      this.#retry?.cancel();
      this.#reason = this.#wanted;
    }
    this.#enter(mode);
  }

  #endProbe(): void {
    void this.#probe?.close();
    this.#probe = undefined;
  }
}
