/*
 * A load may compute the tags of its result. Whether such a tag was invalidated since the load began cannot be told by
 * its generation, which nobody knew to look at. So all tags are divided into some parts, each with an id that goes
 * whenever a tag of the part is invalidated; a load that computes tags looks at all ids when it begins. When it ends,
 * the generation of a tag is read first and the part's id after it: while invalidations remove the id first and the
 * generation after it, an unchanged id says that the generation is the one the load would have read at its beginning.
 *
 * A change of the id may be due to another tag of the part: then a result that could be stored is not. The load after
 * it expects the same tags, and needs no ids.
 */

export const EPOCH_PARTS = 32;

/** The part of all tags that `tag` belongs to. */
export function epochPartOf(tag: string): number {
  let hash = 0;
  for (let i = 0; i < tag.length; i++) hash = (Math.imul(hash, 31) + tag.charCodeAt(i)) | 0;
  return (hash >>> 0) % EPOCH_PARTS;
}
