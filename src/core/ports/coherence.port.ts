import type { Awaitable, CoherenceUsage, InvalidationTarget } from './cache-adapter.port.js';

/**
 * The port that keeps the near copies of one process from growing old: it is told of every change that any process
 * makes in the far tier, and knows until when it can be sure that it has been told of all of them.
 *
 * What it promises: a near copy of an entry that was read from the far tier may be served at a time t before
 * `provenUntilMs`, unless `onChange` has named it since that read was sent, and then it is no older than the bound:
 * every change that was acknowledged before t, by more than the bound, has been told of.
 */
export interface Coherence {
  /**
   * On the scale of `Clock.nowMs()`; in the past while nothing is proven. Read at every near hit, so it is a plain
   * field.
   */
  readonly provenUntilMs: number;

  /** How long a copy may be used, from when the read that brought it was sent; `Infinity` where changes are told of. */
  readonly copyLimitMs: number;

  /** From now on `listener` is told of changes. Called once, before anything is copied. */
  listen(listener: CoherenceListener): void;

  /** How it learns of changes, and why in this way. */
  usage(): CoherenceUsage;

  /** Frees timers and sockets. From then on nothing is proven. */
  close(): Awaitable<void>;
}

export interface CoherenceListener {
  /**
   * What `target` names may have changed in the far tier: no copy of it that was read, or asked for, before may be
   * used.
   */
  onChange(target: InvalidationTarget): void;
}
