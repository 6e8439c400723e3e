import { createCipheriv, createDecipheriv, randomFillSync, type KeyObject } from 'node:crypto';

/*
 * An encrypted value, by AES-256-GCM: the length of the key's id (1 byte), the id, a random IV (12 bytes), the
 * ciphertext, the tag (16 bytes). The tag also authenticates all bytes before the ciphertext, so a value does not open
 * behind another header: with another key, namespace, tag or time.
 *
 * Random IVs limit the number of values per key: after 2^32 values the probability that two share an IV reaches 2^-32
 * (NIST SP 800-38D, 8.3). docs/values.md says when to change the key.
 */

/** `EncryptionOptions`, read once: keys instead of secrets. */
export interface ResolvedEncryption {
  /** The first key encrypts; all keys decrypt. */
  readonly keys: readonly [SealingKey, ...SealingKey[]];
}

export interface SealingKey {
  /** ASCII, of 1 to 64 characters. */
  readonly id: string;
  readonly key: KeyObject;
}

export interface Sealer {
  /** Bytes that sealing adds to a value. */
  readonly overheadBytes: number;
  /** Seals `value` into the bytes of an entry from `start`, bound to all bytes before it. */
  seal(value: Buffer, entry: Buffer, start: number): void;
  /** Opens the bytes between `start` and `end`; `undefined` for an unknown key or a changed bit. Never throws. */
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
