import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { type FileOptions, readFileOptions } from './file-options.js';

describe('readFileOptions', () => {
  it('fills in every default', () => {
    expect(readFileOptions()).toEqual({
      directory: join(process.cwd(), '.cache/cache-kit'),
      maxBytes: 536_870_912,
      isDurable: false,
    });
  });

  it('takes what is given, and a directory below the working directory', () => {
    expect(readFileOptions({ directory: 'tmp/cache', maxBytes: 65_536, durable: true })).toEqual({
      directory: join(process.cwd(), 'tmp/cache'),
      maxBytes: 65_536,
      isDurable: true,
    });
  });

  it('is frozen', () => {
    expect(Object.isFrozen(readFileOptions({}))).toBe(true);
  });

  it.each<[unknown, RegExp]>([
    ['/tmp', /^Expected `file` to be an object, got `\/tmp`\.$/],
    [{ directory: '' }, /^Expected `file.directory` to be a path such as '\/var\/cache\/shop', got `''`\.$/],
    [{ directory: 5 }, /Expected `file.directory` to be a path/],
    [{ directory: 'a\0b' }, /Expected `file.directory` to be a path/],
    [{ maxBytes: 65_535 }, /^Expected `file.maxBytes` to be a whole number of bytes, 65536 or more, got `65535`\.$/],
    [{ maxBytes: '1GB' }, /Expected `file.maxBytes` to be a whole number of bytes, 65536 or more, got `1GB`/],
    [{ maxBytes: Infinity }, /Expected `file.maxBytes`/],
    [{ durable: 'yes' }, /^Expected `file.durable` to be one of true, false, got `yes`\.$/],
    [{ path: '/tmp' }, /^Unknown option `file.path`. Write `file.directory` instead\.$/],
    [{ maxEntries: 5 }, /^Unknown option `file.maxEntries`. Write `file.maxBytes` instead\.$/],
    [{ ttl: '5s' }, /^Unknown option `file.ttl`. Write `defaultTtl` beside `file` instead\.$/],
    [{ compression: {} }, /^Unknown option `file.compression`. Write `compression` beside `file` instead\.$/],
    [{ size: 5 }, /^Unknown option `file.size`. Known here: directory, durable, maxBytes\.$/],
  ])('refuses %j', (options, message) => {
    expect(() => readFileOptions(options as FileOptions)).toThrow(CacheConfigError);
    expect(() => readFileOptions(options as FileOptions)).toThrow(message);
  });
});
