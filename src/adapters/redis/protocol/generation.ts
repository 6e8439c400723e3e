import { randomBytes } from 'node:crypto';

/*
 * A generation is what all entries of a group that are valid have in common. It is kept as text under the group's key:
 *
 *   id (12 characters) | number of soft invalidations that are forgotten (4 digits) | times of the others (13 digits each)
 *
 * An entry remembers, per group, the mark of the generation that was current before its load began: the id, and how
 * many soft invalidations there were. Another id makes the entry invalid; a higher number makes it stale since the
 * first one that it does not know. A load remembers the whole text, and its result is refused when anything in it has
 * changed.
 *
 * Ids are random and never used again: a generation that was lost comes back as another one, which no old entry
 * carries.
 */

export const ID_LENGTH = 12;
const BASE_END = 16;
const TIME_LENGTH = 13;
export const MARK_LENGTH = ID_LENGTH + 4;

/** What is kept under a group's key. */
export interface Generation {
  /** The text itself. */
  readonly text: string;
  /** What an entry that is stored now is marked with. */
  readonly mark: string;
}

/** A generation as a server sent it; `undefined` where there is none, or something else. */
export function readGeneration(text: string | undefined): Generation | undefined {
  if (text === undefined || text.length < BASE_END) return undefined;
  const softened = Number(text.slice(ID_LENGTH, BASE_END)) + Math.floor((text.length - BASE_END) / TIME_LENGTH);
  return { text, mark: text.slice(0, ID_LENGTH) + String(softened).padStart(4, '0') };
}

export function newGeneration(): Generation {
  const mark = `${randomId()}0000`;
  return { text: mark, mark };
}

/**
 * Since when an entry with `mark` is stale, on the scale of the server; `undefined` where it is invalid. Only asked
 * where the marks differ.
 */
export function staleSince(mark: string, { text }: Generation): number | undefined {
  if (!text.startsWith(mark.slice(0, ID_LENGTH))) return undefined;
  const forgotten = Number(text.slice(ID_LENGTH, BASE_END));
  const first = BASE_END + Math.max(0, Number(mark.slice(ID_LENGTH)) - forgotten) * TIME_LENGTH;
  return Number(text.slice(first, first + TIME_LENGTH));
}

const POOL_BYTES = 9 * 256;
let pool = Buffer.alloc(0);
let used = 0;

/** 72 random bits as 12 characters. */
export function randomId(): string {
  if (used >= pool.length) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  used += 9;
  return pool.toString('base64url', used - 9, used);
}
