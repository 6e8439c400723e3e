import { inspect } from 'node:util';
import * as zlib from 'node:zlib';
import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../vocabulary/cache.errors.js';
import { readCompression, readEncryption } from './sealing-options.js';

const SECRET = 'correct horse battery staple';
const hasZstd = 'zstdCompressSync' in zlib;

describe('readCompression', () => {
  it('is off unless asked for', () => {
    expect(readCompression(undefined)).toBeUndefined();
  });

  it('fills in what is left out', () => {
    expect(readCompression({})).toEqual({ algorithm: 'gzip', thresholdBytes: 1024 });
    expect(readCompression({ threshold: 1, algorithm: 'br' })).toEqual({ algorithm: 'br', thresholdBytes: 1 });
  });

  it.each<[unknown, string]>([
    [true, 'Expected `compression` to be an object, got `true`.'],
    [null, 'Expected `compression` to be an object, got `null`.'],
    [{ treshold: 1 }, 'Unknown option `compression.treshold`.'],
    [{ threshold: -1 }, 'Expected `compression.threshold` to be a whole number of 1 or more, got `-1`.'],
    [{ threshold: '1kb' }, 'Expected `compression.threshold` to be a whole number of 1 or more, got `1kb`.'],
    [{ algorithm: 'lz4' }, "Expected `compression.algorithm` to be one of 'br', 'gzip', 'zstd', got `lz4`."],
  ])('refuses %j', (value, message) => {
    expect(refusal(() => readCompression(value)).message).toContain(message);
  });

  it('takes zstd where Node has it, and says what to do where not', () => {
    const read = () => readCompression({ algorithm: 'zstd' });

    if (hasZstd) expect(read()).toEqual({ algorithm: 'zstd', thresholdBytes: 1024 });
    else
      expect(refusal(read).message).toMatch(
        /^This Node \(v.*\) has no `zstd`.*Use 'gzip' or 'br', or run every process on Node 22\.15 or later\.$/,
      );
  });
});

describe('readEncryption', () => {
  it('is off unless asked for', () => {
    expect(readEncryption(undefined)).toBeUndefined();
  });

  it('derives keys and forgets the secrets', () => {
    const resolved = readEncryption({
      keys: [
        { id: 'k2', secret: SECRET },
        { id: 'k1', secret: `${SECRET} 1` },
      ],
    });

    expect(resolved?.keys.map(({ id }) => id)).toEqual(['k2', 'k1']);
    expect(resolved?.keys.map(({ key }) => key.symmetricKeySize)).toEqual([32, 32]);
    expect(inspect(resolved, { depth: 9, showHidden: true })).not.toContain(SECRET);
  });

  it('derives the documented key', () => {
    const [{ key }] = readEncryption({ keys: [{ id: 'k1', secret: SECRET }] })!.keys;

    expect(key.export().toString('hex')).toBe('afa52de9d6245c6a4c42a104197d62f67f536eb45082ca4e5f9bf98ef3a86997');
  });

  it.each<[unknown, string]>([
    [SECRET, 'Expected `encryption` to be an object of `keys`, got a string of 28.'],
    [[SECRET], 'Expected `encryption` to be an object of `keys`, got an array.'],
    [null, 'Expected `encryption` to be an object of `keys`, got null.'],
    [{}, 'Expected `encryption.keys` to be an array of at least one { id, secret }, got undefined.'],
    [{ key: SECRET }, 'Unknown option `encryption.key`. Did you mean `keys`?'],
    [{ keys: SECRET }, 'Expected `encryption.keys` to be an array of at least one { id, secret }, got a string of 28.'],
    [
      { keys: { k1: SECRET } },
      'Expected `encryption.keys` to be an array of at least one { id, secret }, got an object.',
    ],
    [{ keys: [] }, 'Expected `encryption.keys` to be an array of at least one { id, secret }, got an empty array.'],
    [{ keys: [SECRET] }, 'Expected `encryption.keys[0]` to be an object of `id` and `secret`, got a string of 28.'],
    [
      // eslint-disable-next-line no-sparse-arrays
      { keys: [, { id: 'k1', secret: SECRET }] },
      'Expected `encryption.keys[0]` to be an object of `id` and `secret`, got undefined.',
    ],
    [{ keys: [{ id: 'k1', key: SECRET }] }, 'Unknown option `encryption.keys[0].key`. Known here: id, secret.'],
    [
      { keys: [{ id: '', secret: SECRET }] },
      'Expected `encryption.keys[0].id` to be 1 to 64 letters, digits, `.`, `_` or `-`, got a string of 0.',
    ],
    [
      { keys: [{ id: SECRET, secret: 'k1' }] },
      'Expected `encryption.keys[0].id` to be 1 to 64 letters, digits, `.`, `_` or `-`, got a string of 28.',
    ],
    [{ keys: [{ id: 'x'.repeat(65), secret: SECRET }] }, 'got a string of 65.'],
    [{ keys: [{ id: 1, secret: SECRET }] }, 'got a number.'],
    [
      { keys: [{ id: 'k1', secret: SECRET.slice(0, 15) }] },
      'Expected `encryption.keys[0].secret` to be a string of at least 16 random characters, got a string of 15.',
    ],
    [
      { keys: [{ id: 'k1', secret: Buffer.from(SECRET) }] },
      'Expected `encryption.keys[0].secret` to be a string of at least 16 random characters, got an object.',
    ],
    [{ keys: [{ id: 'k1', secret: SECRET }, { id: 'k2' }] }, 'Expected `encryption.keys[1].secret`'],
    [
      {
        keys: [
          { id: 'k1', secret: SECRET },
          { id: 'k2', secret: SECRET },
          { id: 'k1', secret: `${SECRET} 2` },
        ],
      },
      'Expected every id of `encryption.keys` to be different, got the id of [0] again at [2].',
    ],
  ])('refuses %j', (value, message) => {
    const error = refusal(() => readEncryption(value));

    expect(error.message).toContain(message);
    expect(inspect(error).replaceAll(/^\s+at .*/gm, '')).not.toContain(SECRET.slice(0, 15));
  });
});

function refusal(read: () => unknown): CacheConfigError {
  try {
    read();
  } catch (error) {
    expect(error).toBeInstanceOf(CacheConfigError);
    return error as CacheConfigError;
  }
  throw new Error('It was not refused.');
}
