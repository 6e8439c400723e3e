const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/**
 * FNV-1a over the UTF-16 units of a text, 32 bits, signed. The same in every process.
 * @param start the hash of the text before, to go on with it
 */
export function fnv1a(text: string, start: number = OFFSET_BASIS): number {
  let hash = start;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash;
}
