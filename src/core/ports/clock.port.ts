/**
 * The time of the kit. The monotonic scale alone decides the freshness of entries, the length of waits and the time of
 * sweeps. The wall clock only labels entries for people.
 */
export interface Clock {
  /** Reads the monotonic time from the system: milliseconds with an arbitrary zero. */
  nowMs(): number;

  /**
   * The same at a fraction of the cost: it is read once per turn of the event loop and stays the same within a turn.
   * Good enough to judge expiry on a hit; wrong for measuring durations.
   */
  coarseNowMs(): number;

  /**
   * Milliseconds, on the scale of `nowMs`, in which the event loop had nothing to do. While a call waits for a server,
   * this is the server's share of the time; the rest is the time of this process. Without this method all of it counts.
   */
  idleMs?(): number;

  /** Milliseconds since 1970, for `createdAt` and similar labels. Might jump. */
  wallMs(): number;

  /** Runs `task` once after `delayMs`. The timer never keeps the process alive. */
  schedule(delayMs: number, task: () => void): Timer;
}

export interface Timer {
  /** Stops the task from running. Does nothing when it has run already. */
  cancel(): void;
}

/** A scale for measuring how long a call has waited for a server, see `Clock.idleMs`. */
export function idleMs(clock: Clock): number {
  return clock.idleMs === undefined ? clock.nowMs() : clock.idleMs();
}
