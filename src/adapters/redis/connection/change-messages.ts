import type { Command } from './command.js';
import { REMOVE, SOFTEN, STORE } from '../protocol/entry-scripts.js';
import { END, REPLACE, SOFTEN_ALL } from '../protocol/group-scripts.js';

/*
 * The messages that announce changes on the bus. They name the keys whose change can change the answer of a read:
 * entries that were replaced or removed, and generations that were ended or softened. Leases, marks, new generations,
 * and freeing what is out of view change no answer.
 */

const CHANGING = new Set([STORE, REMOVE, SOFTEN, END, SOFTEN_ALL, REPLACE].map(({ sha }) => sha));

/** The key whose change by a command readers can notice, if any. */
export function changedName({ script, keys, args }: Command): string | undefined {
  if (script === undefined || !CHANGING.has(script.sha)) return undefined;
  // With a revision, REMOVE removes an entry that is invalid already; a dry run of END ends nothing.
  if ((script.sha === REMOVE.sha && args[0] !== '') || (script.sha === END.sha && args[0] === 1)) return undefined;
  return keys[0];
}

/** Writes the message for changed keys. */
export function announcementOf(names: readonly string[]): string {
  return JSON.stringify(names);
}

/** Reads the keys in a message; `undefined` when it is not one. */
export function namesIn(message: string): readonly string[] | undefined {
  try {
    const names: unknown = JSON.parse(message);
    return Array.isArray(names) ? names.map(String) : undefined;
  } catch {
    return undefined;
  }
}
