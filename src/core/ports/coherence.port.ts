import type { Awaitable, CoherenceUsage, InvalidationTarget } from './cache-adapter.port.js';
import type { Finding } from '../vocabulary/finding.js';

/**
 * The port that keeps near copies of one process from growing old. It learns of every change that any process makes in
 * the far tier, and knows until which time it has certainly learned of all of them.
 *
 * Its promise: a near copy of an entry of the far tier may be served at a time t before `provenUntilMs`, unless
 * `onChange` has named it since its read was sent. The copy is then no older than the bound: every change that was
 * acknowledged earlier than the bound before t has been announced.
 */
export interface Coherence {
  /**
   * End of the proof, on the scale of `Clock.nowMs()`; in the past while nothing is proven. A plain field, because
   * every near hit reads it.
   */
  readonly provenUntilMs: number;

  /** Longest time for which a copy is used, counted from its read; `Infinity` where changes are announced. */
  readonly copyLimitMs: number;

  /** Registers the listener for changes. Call it once, before the first copy. */
  listen(listener: CoherenceListener): void;

  /** The way in which it learns of changes, and the reason for it. */
  usage(): CoherenceUsage;

  /** Says why it learns of changes in a worse way than it was told to, for the doctor. */
  diagnose?(): readonly Finding[];

  /** Frees timers and sockets. After that nothing is proven. */
  close(): Awaitable<void>;
}

export interface CoherenceListener {
  /**
   * Reports that the entries of `target` might have changed in the far tier. No copy of them may be used whose read was
   * sent before.
   */
  onChange(target: InvalidationTarget): void;
}
