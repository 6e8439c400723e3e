/**
 * Time, as the kit sees it. Whether an entry is fresh, how long a call waits and when a sweep runs are decided on the
 * monotonic scale alone; the wall clock only labels entries for people.
 */
export interface Clock {
  /** Milliseconds on a monotonic scale with an arbitrary zero, read from the system at every call. */
  nowMs(): number;

  /**
   * `nowMs` at a fraction of its price: read once per turn of the event loop, so within one turn it stands still.
   * Right for judging expiry on a hit; wrong for measuring how long something took.
   */
  coarseNowMs(): number;

  /**
   * How many milliseconds, of those on the scale of `nowMs`, the event loop had nothing to do. Of a call that waits for
   * a server it tells how much of that time is the server's; the rest is this process's own. Without it all of it
   * counts.
   */
  idleMs?(): number;

  /** Milliseconds since 1970, for `createdAt` and the like. May jump. */
  wallMs(): number;

  /** Runs `task` once, `delayMs` from now. The timer never keeps a process alive. */
  schedule(delayMs: number, task: () => void): Timer;
}

export interface Timer {
  /** After this `task` will not run any more. Harmless when it has run. */
  cancel(): void;
}

/** For measuring how long a call has waited for somebody else, see `Clock.idleMs`. */
export function idleMs(clock: Clock): number {
  return clock.idleMs === undefined ? clock.nowMs() : clock.idleMs();
}
