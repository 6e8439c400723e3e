import { createSecretKey, hkdfSync } from 'node:crypto';
import { CacheConfigError } from '../../vocabulary/cache.errors.js';
import { checkNames, readCount, readOneOf } from '../../vocabulary/option-checks.js';
import { hasAlgorithm, type CompressionAlgorithm, type ResolvedCompression } from './sealing-compression.js';
import type { ResolvedEncryption, SealingKey } from './sealing-encryption.js';

/** Compression of values that are stored outside the process. */
export interface CompressionOptions {
  /** Bytes of an encoded value above which it is compressed, if that makes it smaller. @default 1024 */
  threshold?: number;
  /** The algorithm for writing; all can be read. `zstd` needs Node 22.15 or later in every reader. @default 'gzip' */
  algorithm?: CompressionAlgorithm;
}

/** Encryption and authentication, by AES-256-GCM, of values that are stored outside the process. */
export interface EncryptionOptions {
  /**
   * The first key encrypts; all decrypt. To change the key, put a new one first, and remove the old one a TTL later.
   */
  keys: EncryptionKey[];
}

export interface EncryptionKey {
  /** Stored unencrypted in every entry: 1 to 64 letters, digits, `.`, `_` or `-`. A changed secret needs another id. */
  id: string;
  /** At least 16 random characters, as of `openssl rand -base64 32`. No password: nothing slows down guessing. */
  secret: string;
}

/** The form of values that are stored outside the process. */
export interface SealingOptions {
  /** Compression of stored values. @default none */
  compression?: CompressionOptions;
  /** Encryption of stored values. @default none */
  encryption?: EncryptionOptions;
}

/** `SealingOptions`, read once, for `createEntryCodec`. */
export interface ResolvedSealing {
  readonly compression: ResolvedCompression | undefined;
  readonly encryption: ResolvedEncryption | undefined;
}

const DEFAULTS = { threshold: 1024, algorithm: 'gzip' } as const;
const ALGORITHMS: readonly CompressionAlgorithm[] = ['br', 'gzip', 'zstd'];
const KEY_ID = /^[\w.-]{1,64}$/;
const MIN_SECRET_LENGTH = 16;
const KEY_BYTES = 32;
/** Part of the format: with another text no stored entry can be read. */
const KEY_INFO = 'nestjs-cache-kit entry encryption 1';

/** @throws CacheConfigError that names the wrong option */
export function readSealing({
  compression,
  encryption,
}: {
  compression?: unknown;
  encryption?: unknown;
}): ResolvedSealing {
  return { compression: readCompression(compression), encryption: readEncryption(encryption) };
}

/** @throws CacheConfigError that names the option that is unknown, wrong, or not supported by this version of Node */
export function readCompression(value: unknown): ResolvedCompression | undefined {
  if (value === undefined) return undefined;
  checkNames(value, ['threshold', 'algorithm'], 'compression.');
  const { threshold, algorithm } = value as Partial<Record<keyof CompressionOptions, unknown>>;
  const name = readOneOf(algorithm, ALGORITHMS, 'compression.algorithm') ?? DEFAULTS.algorithm;
  if (!hasAlgorithm(name)) {
    throw new CacheConfigError(
      `This Node (${process.version}) has no \`${name}\` for \`compression.algorithm\`. ` +
        "Use 'gzip' or 'br', or run every process on Node 22.15 or later.",
    );
  }
  return Object.freeze({
    algorithm: name,
    thresholdBytes: readCount(threshold, 'compression.threshold', DEFAULTS.threshold),
  });
}

/**
 * Derives the keys. That is slow, so call it once, at start-up.
 * @throws CacheConfigError that shows no secret, also when a secret is in the wrong place
 */
export function readEncryption(value: unknown): ResolvedEncryption | undefined {
  if (value === undefined) return undefined;
  checkShape(value, 'encryption', ['keys']);
  const { keys } = value as Partial<Record<keyof EncryptionOptions, unknown>>;
  if (!Array.isArray(keys) || keys.length === 0) {
    throw new CacheConfigError(
      `Expected \`encryption.keys\` to be an array of at least one { id, secret }, got ${shapeOf(keys)}.`,
    );
  }
  const [first, ...others] = Array.from(keys, readKey) as [SealingKey, ...SealingKey[]];
  checkDistinct([first, ...others]);
  return Object.freeze({ keys: Object.freeze([first, ...others] as const) });
}

function readKey(value: unknown, index: number): SealingKey {
  const where = `encryption.keys[${index}]`;
  checkShape(value, where, ['id', 'secret']);
  const { id, secret } = value as Partial<Record<keyof EncryptionKey, unknown>>;
  if (typeof id !== 'string' || !KEY_ID.test(id)) {
    throw new CacheConfigError(
      `Expected \`${where}.id\` to be 1 to 64 letters, digits, \`.\`, \`_\` or \`-\`, got ${shapeOf(id)}.`,
    );
  }
  if (typeof secret !== 'string' || secret.length < MIN_SECRET_LENGTH) {
    throw new CacheConfigError(
      `Expected \`${where}.secret\` to be a string of at least ${MIN_SECRET_LENGTH} random characters, ` +
        `got ${shapeOf(secret)}. Make one with \`openssl rand -base64 32\`.`,
    );
  }
  return Object.freeze({ id, key: createSecretKey(Buffer.from(hkdfSync('sha256', secret, '', KEY_INFO, KEY_BYTES))) });
}

function checkDistinct(keys: readonly SealingKey[]): void {
  const ids = keys.map(({ id }) => id);
  const index = ids.findIndex((id, at) => ids.indexOf(id) < at);
  if (index < 0) return;
  const first = ids.indexOf(ids[index] as string);
  throw new CacheConfigError(
    `Expected every id of \`encryption.keys\` to be different, got the id of [${first}] again at [${index}]. ` +
      'Give the new key another id.',
  );
}

/** As `checkNames`, for a value that may be a secret in the wrong place: it is not shown. */
function checkShape(value: unknown, where: string, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CacheConfigError(
      `Expected \`${where}\` to be an object of ${names.map((name) => `\`${name}\``).join(' and ')}, ` +
        `got ${shapeOf(value)}.`,
    );
  }
  checkNames(value, names, `${where}.`);
}

/** Describes a value without showing any part of it. */
function shapeOf(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length}`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (value === undefined || value === null) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
