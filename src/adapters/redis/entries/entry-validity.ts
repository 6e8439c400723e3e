import { type Generation, MARK_LENGTH, readGeneration, staleSince } from '../protocol/generation.js';
import type { Group } from '../protocol/redis-keys.js';

/** Generations as the server had them at one time; `undefined` for a group without one. */
export type Generations = Map<Group, Generation | undefined>;

/** Reads the server's answer for a group, and remembers it as the best guess for the next store. */
export function recordGeneration(group: Group, answer: Buffer | null): Generation | undefined {
  const text = answer?.toString('latin1');
  if (group.known?.text !== text) group.known = readGeneration(text);
  return group.known;
}

/** True when the marks are those of an entry in exactly these groups, by the answers of the present read. */
export function isMarkedFor(groups: readonly Group[], marks: string): boolean {
  if (marks.length !== groups.length * MARK_LENGTH) return false;
  for (let i = 0; i < groups.length; i++) {
    const mark = (groups[i] as Group).answer?.mark;
    if (mark === undefined || !marks.startsWith(mark, i * MARK_LENGTH)) return false;
  }
  return true;
}

/**
 * The time (of the server) of the first soft invalidation that an entry with these marks does not know; `Infinity`
 * without one, `undefined` when the entry is invalid.
 */
export function softenedAt(marks: string, groups: readonly Group[], generations: Generations): number | undefined {
  if (marks.length !== groups.length * MARK_LENGTH) return undefined;
  let at = Infinity;
  for (let i = 0; i < groups.length; i++) {
    const generation = generations.get(groups[i] as Group);
    if (generation === undefined) return undefined;
    const mark = marks.slice(i * MARK_LENGTH, (i + 1) * MARK_LENGTH);
    if (mark === generation.mark) continue;
    const since = staleSince(mark, generation);
    if (since === undefined) return undefined;
    at = Math.min(at, since);
  }
  return at;
}
