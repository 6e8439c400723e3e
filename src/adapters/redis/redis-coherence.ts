import type { CoherenceUsage } from '../../core/ports/cache-adapter.port.js';
import type { Clock, Timer } from '../../core/ports/clock.port.js';
import type { Finding } from '../../core/vocabulary/finding.js';
import type { Coherence, CoherenceListener } from '../../core/ports/coherence.port.js';
import { COHERENCE_MODES, type CoherenceMode } from './options/redis-options.js';
import type { ChangeFeed, ChangeHandlers, ChangeListener, CoherenceWire } from './connection/coherence-wire.port.js';
import type { RedisKeys } from './protocol/redis-keys.js';
import { ASK_AGAIN_AFTER_MS, RollCall } from './roll-call.js';

/*
 * Receives every change in Redis, and knows until when it has received all of them. Three modes:
 *
 *   tracking   Every master announces all keys that change under the prefixes of entries and generations, by
 *              any cause: this kit, another client, expiry, eviction, FLUSHALL.
 *   bus        Each process publishes its changes on a channel of the same master, right after the change. Changes that
 *              are not made by this kit are not received. Until all other processes are known to publish, copies are
 *              used as in mode ttl.
 *   ttl        No change is received; a copy is used for a limited time.
 *
 * The proof: there is one listener for each master. It sends a PING several times within the bound. The answer shows
 * that the listener has received everything that this master did before it got the PING. Beats show that commands still
 * go to the same database, and that all processes publish (roll-call.ts). Copies may be used for the bound, counted
 * from the time at which the oldest of these PINGs and the beat were sent. In doubt the proof and all copies end: when
 * a listener was lost and has come back, when the set of masters has changed, when a proof came too late, when an
 * unknown server answered, and when commands go to another server than the one that the listener is connected to.
 *
 * A mode that the server has refused is tried again at intervals: the refusal may have been temporary.
 */

export interface RedisCoherenceOptions {
  readonly mode: CoherenceMode;
  readonly maxStalenessMs: number;
  readonly keys: RedisKeys;
  readonly clock: Clock;
  onNotice(sentence: string): void;
}

/** Beats per bound: one or two of them may be slow. */
const BEATS_PER_BOUND = 4;
/** Longest time between two beats. */
const MAX_BEAT_MS = 500;
/** Time until a refused mode is tried again; it doubles after each refusal. */
const RETRY_MS = { least: 1_000, most: 60_000 };
const UNTRUSTED =
  'Not all other processes are known to publish their changes, so no copy is used for longer than `maxStaleness`.';

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
  /** Time at which the last request was sent that all masters of the cluster have answered. */
  #placesProvenMs = -Infinity;
  /** Time at which the masters were last asked; `-Infinity` when no answer is awaited. */
  #askedMs = -Infinity;
  #isClosed = false;
  #resolveFirstProof!: () => void;
  #noticed: CoherenceMode | undefined;
  #retry: Timer | undefined;
  #retryMs = RETRY_MS.least;
  /** A listener that tests whether the server allows a better mode now. */
  #probe: ChangeListener | undefined;
  /** Resolves when copies may be used for the first time. */
  readonly firstProof = new Promise<void>((resolve) => (this.#resolveFirstProof = resolve));

  constructor(wire: CoherenceWire, options: RedisCoherenceOptions) {
    this.#wire = wire;
    this.#options = options;
    this.#mode = options.mode;
    this.#reason = this.#wanted =
      options.mode === 'tracking' ? 'The server announces every change.' : `\`redis.coherence\` is '${options.mode}'.`;
    this.#roll = new RollCall({
      keys: options.keys,
      clock: options.clock,
      run: (commands) => wire.run(commands),
      onAnswer: (isAsBefore) => this.#onBeat(isAsBefore),
    });
  }

  /** Opens the listeners and sends the first beat. */
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

  diagnose(): Finding[] {
    const { mode } = this.#options;
    if (this.#mode === mode) return [];
    const rights = mode === 'tracking' ? '`+client|tracking` and `+client|id`, and the channels' : 'the channels';
    return [
      {
        problem: `Near copies learn of changes by '${this.#mode}' in place of '${mode}'. ${sentence(this.#reason)}`,
        fix:
          `Give the user ${rights} that docs/hybrid.md lists, or write \`redis: { coherence: '${this.#mode}' }\` ` +
          'where this is meant.',
      },
    ];
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
    this.#roll.setRole(mode === 'bus');
    this.#leave([...this.#changeListeners.keys()]);
    if (mode === 'ttl') return this.#limit();
    this.copyLimitMs = Infinity;
    this.#join();
  }

  /** Handles the answer to a beat. */
  #onBeat(isAsBefore: boolean): void {
    if (this.#isClosed) return;
    if (!isAsBefore) this.#distrust();
    this.#prove();
  }

  /** Lets each copy be used for the bound, counted from the read that it is from. That needs no proof. */
  #limit(): void {
    this.copyLimitMs = this.#options.maxStalenessMs;
    this.provenUntilMs = Infinity;
    this.#proved();
  }

  /** Opens listeners to new masters, and closes those to masters that are gone. */
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

  /** The source of changes on a master; `undefined` when the master has no slots, and so no channel. */
  #feedOf(master: string, mode = this.#mode): ChangeFeed | undefined {
    const { keys } = this.#options;
    if (mode === 'tracking') return { kind: 'tracking', prefixes: [keys.entryPrefix, keys.generationPrefix] };
    const channel = this.#wire.nameOn(master, keys.bus);
    return channel === undefined ? undefined : { kind: 'bus', channel, isSharded: this.#wire.isCluster };
  }

  /** Ignores calls of a closed listener: when several masters refuse a mode at once, only the first refusal counts. */
  #listenerWhile(isCurrent: () => boolean): ChangeHandlers {
    return {
      onOpen: () => isCurrent() && this.#distrust(),
      onLost: () => isCurrent() && this.#distrust(),
      onNames: (names) => isCurrent() && this.#report(names),
      onProof: () => isCurrent() && this.#prove(),
      onRefused: (error) => isCurrent() && this.#fallBack(error),
    };
  }

  #report(names: readonly string[] | undefined): void {
    if (names === undefined) return this.#listener?.onChange({ kind: 'all' });
    for (const name of names) {
      const target = this.#options.keys.targetOf(name);
      if (target !== undefined) this.#listener?.onChange(target);
    }
  }

  /**
   * Ends the proof and drops all copies, also those that are being read: a change may have been missed. The next proof
   * starts from here.
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
    // The last proof had expired: no announcement was missed, but servers may have changed roles or slots meanwhile.
    if (this.provenUntilMs !== -Infinity && this.provenUntilMs <= nowMs) this.#listener?.onChange({ kind: 'all' });
    this.provenUntilMs = oldestMs + this.#options.maxStalenessMs;
    this.#proved();
  }

  #proved(): void {
    if (this.#mode === this.#options.mode) this.#retryMs = RETRY_MS.least;
    if (this.#noticed === this.#mode) return;
    this.#noticed = this.#mode;
    this.#options.onNotice(`Near copies learn of changes by '${this.#mode}'. ${this.#reason}`);
    this.#resolveFirstProof();
  }

  #oldestProofMs(): number {
    if (this.#changeListeners.size === 0) return -Infinity;
    let oldestMs = Math.min(this.#roll.provenMs, this.#wire.isCluster ? this.#placesProvenMs : Infinity);
    for (const listener of this.#changeListeners.values()) {
      const isServed = listener.isOpen ? this.#wire.isServedBy(listener.serverId) : undefined;
      // Commands go to another server than the listener's: one of the two connections has not followed a failover yet.
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
   * Asks each master of a cluster for a key in its slots: a master that was replaced, or that is cut off from the
   * others, does not answer.
   */
  #provePlaces(): void {
    const sentMs = this.#options.clock.nowMs();
    if (sentMs - this.#askedMs < ASK_AGAIN_AFTER_MS) return;
    this.#askedMs = sentMs;
    const answered = (isProven: boolean): void => {
      this.#askedMs = -Infinity;
      if (!isProven || this.#isClosed) return;
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
    this.#scheduleRetry();
  }

  /** Schedules the next attempt to enter a better mode, best mode first. */
  #scheduleRetry(): void {
    this.#retry?.cancel();
    const { clock, mode } = this.#options;
    this.#retry = clock.schedule(this.#retryMs, () => {
      this.#scheduleRetry();
      this.#try(mode);
    });
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS.most);
  }

  /** Enters `mode`, or the best mode after it, if it is better than the present one and the server allows it now. */
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
    // A process that listens on the bus must also be able to publish.
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

function sentence(text: string): string {
  return text.endsWith('.') ? text : `${text}.`;
}
