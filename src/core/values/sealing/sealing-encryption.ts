/**
 * Encrypted values, by AES-256-GCM: length of the key's id (1 byte), the id, a random IV (12 bytes), the ciphertext,
 * the tag (16 bytes). All bytes before the ciphertext are authenticated with it, so that a value under another header,
 * and with it another key, namespace, tag or time, does not open.
 *
 * A random IV bounds how much one key may write: after 2^32 values the chance that two share an IV reaches one in 2^32
 * (NIST SP 800-38D, 8.3). docs/values.md says when to change the key.
 */
import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from 'node:crypto';

/** `EncryptionOptions`, read once: keys instead of secrets. */
export interface ResolvedEncryption {
  /** The first one writes, all of them read. */
  readonly keys: readonly [SealingKey, ...SealingKey[]];
}

export interface SealingKey {
  /** ASCII, of 1 to 64 characters. */
  readonly id: string;
  readonly key: KeyObject;
}

export interface Sealer {
  /** By how much a sealed value is longer than the value. */
  readonly overheadBytes: number;
  /** Seals `value` into the bytes of an entry, from `start` on, bound to all that stands before it. */
  seal(value: Buffer, entry: Buffer, start: number): void;
  /**
   * What was sealed between `start` and `end`; `undefined` where its key is not known, or a bit was changed. Never
   * throws.
   */
  unseal(entry: Buffer, start: number, end: number): Buffer | undefined;
}

const CIPHER = 'aes-256-gcm';
const ID_LENGTH_BYTES = 1;
const IV_BYTES = 12;
const TAG_BYTES = 16;

export function createSealer({ keys }: ResolvedEncryption): Sealer {
  const [{ id, key }] = keys;
  const keyOfId = new Map(keys.map((known) => [known.id, known.key]));
  const ivOffset = ID_LENGTH_BYTES + id.length;
  const textOffset = ivOffset + IV_BYTES;

  return {
    overheadBytes: textOffset + TAG_BYTES,
    seal(value, entry, start) {
      entry[start] = id.length;
      entry.write(id, start + ID_LENGTH_BYTES, 'latin1');
      randomFillSync(entry, start + ivOffset, IV_BYTES);
      const textStart = start + textOffset;
      const cipher = createCipheriv(CIPHER, key, entry.subarray(start + ivOffset, textStart), {
        authTagLength: TAG_BYTES,
      });
      cipher.setAAD(entry.subarray(0, textStart));
      entry.set(cipher.update(value), textStart);
      cipher.final();
      entry.set(cipher.getAuthTag(), textStart + value.length);
    },
    unseal(entry, start, end) {
      const ivStart = start + ID_LENGTH_BYTES + (entry[start] ?? 0);
      const textStart = ivStart + IV_BYTES;
      const tagStart = end - TAG_BYTES;
      if (textStart > tagStart) return undefined;
      const known = keyOfId.get(entry.toString('latin1', start + ID_LENGTH_BYTES, ivStart));
      if (known === undefined) return undefined;
      const decipher = createDecipheriv(CIPHER, known, entry.subarray(ivStart, textStart), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(entry.subarray(0, textStart)).setAuthTag(entry.subarray(tagStart, end));
      const value = decipher.update(entry.subarray(textStart, tagStart));
      return isAuthentic(decipher) ? value : undefined;
    },
  };
}

function isAuthentic(decipher: { final(): Buffer }): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
