/*
 * The score of a member of an index is the time (of the server) until which its entry is kept. An entry that is kept
 * for ever has a score, too: a time that is never reached, later for each storing. So each storing changes the score,
 * and a process that has read a score can see if the entry was stored again since.
 */

/** The first score of entries that are kept for ever, in ms since 1970. */
export const LASTING_SCORE = 4_000_000_000_000_000;

/** The score of a member whose entry is stored at `nowMs`. */
export function memberTime(nowMs: number, keepMs: number): number {
  const untilMs = Math.ceil(nowMs + keepMs);
  return untilMs < LASTING_SCORE ? untilMs : LASTING_SCORE + Math.ceil(nowMs);
}
