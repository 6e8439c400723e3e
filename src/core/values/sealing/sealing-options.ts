import { createSecretKey, hkdfSync } from 'node:crypto';
import { CacheConfigError } from '../../vocabulary/cache.errors.js';
import { checkNames, readCount, readOneOf } from '../../vocabulary/option-checks.js';
import { hasAlgorithm, type CompressionAlgorithm, type ResolvedCompression } from './sealing-compression.js';
import type { ResolvedEncryption, SealingKey } from './sealing-encryption.js';

/** Compression of what is stored outside the process. */
export interface CompressionOptions {
  /** In bytes: an encoded value of more is compressed, and stored so where that is smaller. @default 1024 */
  threshold?: number;
  /** What writes; all are read. `zstd` needs Node 22.15 or later, in every process that reads. @default 'gzip' */
  algorithm?: CompressionAlgorithm;
}

/** Encryption and authentication, by AES-256-GCM, of what is stored outside the process. */
export interface EncryptionOptions {
  /**
   * The first one writes, all of them read: to change the key put a new one in front, and drop the old one a TTL later.
   */
  keys: EncryptionKey[];
}

export interface EncryptionKey {
  /** Stored in clear with every entry: 1 to 64 letters, digits, `.`, `_` or `-`. A changed secret needs another id. */
  id: string;
  /** At least 16 characters, random ones such as `openssl rand -base64 32` prints: guessing it is not made slow. */
  secret: string;
}

const DEFAULTS = { threshold: 1024, algorithm: 'gzip' } as const;
const ALGORITHMS: readonly CompressionAlgorithm[] = ['br', 'gzip', 'zstd'];
const KEY_ID = /^[\w.-]{1,64}$/;
const MIN_SECRET_LENGTH = 16;
const KEY_BYTES = 32;
/** Part of the format: with another text no stored entry could be read. */
const KEY_INFO = 'nestjs-cache-kit entry encryption 1';

/** @throws CacheConfigError naming what is unknown, unreadable or not possible on this Node */
export function readCompression(value: unknown): ResolvedCompression | undefined {
  if (value === undefined) return undefined;
  checkNames(value, ['threshold', 'algorithm'], 'compression.');
  const { threshold, algorithm } = value as Partial<Record<keyof CompressionOptions, unknown>>;
  const name = readOneOf(algorithm, ALGORITHMS, 'compression.algorithm') ?? DEFAULTS.algorithm;
  if (!hasAlgorithm(name)) {
    throw new CacheConfigError(
      `This Node (${process.version}) has no \`${name}\` for \`compression.algorithm\`. Use 'gzip' or 'br', or run every process on Node 22.15 or later.`,
    );
  }
  return Object.freeze({
    algorithm: name,
    thresholdBytes: readCount(threshold, 'compression.threshold', DEFAULTS.threshold),
  });
}

/**
 * Derives the keys, which takes a moment: once, at start-up.
 * @throws CacheConfigError that shows no secret, wherever one was put by mistake
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
      `Expected \`${where}.secret\` to be a string of at least ${MIN_SECRET_LENGTH} random characters, got ${shapeOf(secret)}. Make one with \`openssl rand -base64 32\`.`,
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
    `Expected every id of \`encryption.keys\` to be another, got that of [${first}] again at [${index}]. Name a new key anew.`,
  );
}

/** `checkNames`, for where a value of the wrong shape may be a secret. */
function checkShape(value: unknown, where: string, names: readonly string[]): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new CacheConfigError(
      `Expected \`${where}\` to be an object of ${names.map((name) => `\`${name}\``).join(' and ')}, got ${shapeOf(value)}.`,
    );
  }
  checkNames(value, names, `${where}.`);
}

/** What a value is, without any part of it. */
function shapeOf(value: unknown): string {
  if (typeof value === 'string') return `a string of ${value.length}`;
  if (Array.isArray(value)) return value.length === 0 ? 'an empty array' : 'an array';
  if (value === undefined || value === null) return String(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
