import { randomBytes } from 'node:crypto';

/*
 * The two proofs that a stored entry is still valid.
 *
 * A generation is the text under the key of a group. All valid entries of the group have it in common:
 *
 *   id (12 characters) | number of soft invalidations whose times are dropped (4 digits) | times of the later ones (13
 *   digits each, in ms, of the server)
 *
 * An entry carries one mark per group: the id that was current before its load began, and the number of soft
 * invalidations until then. If the id is another one now, the entry is invalid. If the number is higher now, the entry
 * has been stale since the first soft invalidation that it does not know. A load remembers the whole text, and its
 * result is refused when anything in it has changed.
 *
 * Ids are random and never used again: a generation that was lost is replaced by one with another id, which no old
 * entry carries.
 *
 * An epoch is for a load that computes the tags of its result. When such a load begins, these tags are unknown, and
 * their generations cannot be read. All tags are therefore divided into parts. Each part has an id, the epoch, which is
 * removed whenever a tag of the part is invalidated. A load that computes tags reads all epochs when it begins. When it
 * ends, it reads the generation of each tag first, and the epoch of the tag's part after it. Invalidations remove them
 * in the opposite order: the epoch first, the generation after it. So an unchanged epoch proves that the generation is
 * the one that the load would have read at its beginning.
 *
 * An epoch may have changed because of another tag of the part. Then a result is refused although it is valid. The next
 * load expects the same tags, and needs no epochs.
 */

/** Characters of an id. */
export const ID_LENGTH = 12;
/** End of the number of dropped soft invalidations, in characters. */
const BASE_END = 16;
/** Digits of one time. */
const TIME_LENGTH = 13;
/** Characters of a mark: an id, and four digits. */
export const MARK_LENGTH = ID_LENGTH + 4;
/** Parts into which all tags are divided. */
export const EPOCH_PARTS = 32;

/** The value under a group's key. */
export interface Generation {
  readonly text: string;
  /** The mark of an entry that is stored now. */
  readonly mark: string;
}

/** Reads a server's answer; `undefined` when it is no generation. */
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
 * The time (of the server) since which an entry with `mark` is stale; `undefined` when it is invalid. For a mark that
 * is not the generation's own.
 */
export function staleSince(mark: string, { text }: Generation): number | undefined {
  if (!text.startsWith(mark.slice(0, ID_LENGTH))) return undefined;
  const dropped = Number(text.slice(ID_LENGTH, BASE_END));
  const first = BASE_END + Math.max(0, Number(mark.slice(ID_LENGTH)) - dropped) * TIME_LENGTH;
  return Number(text.slice(first, first + TIME_LENGTH));
}

/** The part of all tags that `tag` belongs to. All processes must agree on it, so this hash must not change. */
export function epochPartOf(tag: string): number {
  let hash = 0;
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(hash, 31) + tag.charCodeAt(i)) | 0;
  return (hash >>> 0) % EPOCH_PARTS;
}

/** Random bytes drawn per call of the system. */
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
