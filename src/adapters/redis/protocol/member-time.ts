/*
 * An index knows each member by the time of the server until which its entry is kept. An entry that is kept for ever
 * has a time, too, which does not come: so each storing gives its member another one, and who has looked at a member
 * can tell whether it was stored since.
 */

/** Members with a time from here on, in ms since 1970, are kept for ever. */
export const LASTING_SCORE = 4_000_000_000_000_000;

/** Until when the entry of a member is kept that is stored at `nowMs`. */
export function memberTime(nowMs: number, keepMs: number): number {
  const untilMs = Math.ceil(nowMs + keepMs);
  return untilMs < LASTING_SCORE ? untilMs : LASTING_SCORE + Math.ceil(nowMs);
}
