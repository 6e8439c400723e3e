import type { Command } from './command.js';
import { END, REMOVE, REPLACE, SOFTEN, SOFTEN_ALL, STORE } from '../protocol/scripts.js';

/*
 * Which keys are told of on the bus: those of entries that are other entries from then on, or none, and of generations
 * that are ended or softened. Leases, marks, new generations and what is freed later change no answer of a read.
 */

const CHANGING = new Set([STORE, REMOVE, SOFTEN, END, SOFTEN_ALL, REPLACE].map(({ sha }) => sha));

/** The name that a command changes for readers, if it does. */
export function changedName({ script, keys, args }: Command): string | undefined {
  if (script === undefined || !CHANGING.has(script.sha)) return undefined;
  // By its revision only what is invalid already is removed, and a dry run ends nothing.
  if ((script.sha === REMOVE.sha && args[0] !== '') || (script.sha === END.sha && args[0] === 1)) return undefined;
  return keys[0];
}

/** What is sent on the bus for names that were changed. */
export function announcementOf(names: readonly string[]): string {
  return JSON.stringify(names);
}

/** The names in a message of the bus; `undefined` where it cannot be read. */
export function namesIn(message: string): readonly string[] | undefined {
  try {
    const names: unknown = JSON.parse(message);
    return Array.isArray(names) ? names.map(String) : undefined;
  } catch {
    return undefined;
  }
}
