import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CacheConfigError, CacheError, CacheKeyError, CacheTimeoutError } from '../../src/index.js';
import { VERSION } from '../../src/core/vocabulary/copies.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const esm = join(root, 'dist');
const cjs = join(root, 'dist/cjs');
let work: string;
let older: string;
const twice = (value: object): object[] => [value, value];

/** Runs an application with the ES modules and a library with another copy of the kit. Returns its outcome. */
async function outcomeOf(copy: string, situation: string): Promise<Record<string, unknown> & { message: string }> {
  const { stdout } = await run(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      join(import.meta.dirname, 'two-copies.worker.mjs'),
      join(copy, 'index.js'),
      situation,
    ],
    { cwd: root },
  );
  return JSON.parse(stdout) as never;
}

beforeAll(() => {
  // Inside the repository, because the copy needs its peer dependencies.
  work = mkdtempSync(join(root, 'node_modules/.two-copies-'));
  older = join(work, 'older');
  cpSync(cjs, older, { recursive: true });
  const copies = join(older, 'core/vocabulary/copies.js');
  writeFileSync(copies, readFileSync(copies, 'utf8').replace(VERSION, '0.0.9'));
});

afterAll(() => {
  rmSync(work, { recursive: true });
});

describe('an application that imports the kit, with a library that requires another copy of it', () => {
  it.each([
    { situation: 'before', when: 'before forRoot() is called' },
    { situation: 'late', when: 'after forRoot() was called' },
  ])('has one cache and one of everything else when the copy is loaded $when', async ({ situation }) => {
    expect(await outcomeOf(cjs, situation)).toEqual({
      isSeparate: true,
      service: true,
      isInstance: [true, true],
      sessions: true,
      order: 'an order',
      found: twice({ id: 'a', load: 1 }),
      made: twice({ id: 'a', load: 1 }),
      stored: [true, true],
      pages: [
        { xCache: 'MISS', run: 1 },
        { xCache: 'HIT', run: 1 },
      ],
      error: [true, true, false],
    });
  });

  it('runs methods that one copy has decorated while the other passes through', async () => {
    expect(await outcomeOf(cjs, 'passing')).toEqual({ isSeparate: true, found: { id: 'a', load: 1 } });
  });

  it('does not start when both copies make the cache, and says where both are', async () => {
    const { isConfigError, message } = await outcomeOf(cjs, 'both');

    expect(isConfigError).toBe(true);
    expect(message).toContain("The cache 'default' is made twice");
    expect(message.match(/nestjs-cache-kit \S+ at \S+?(?=[ :])/g)?.sort()).toEqual([
      `nestjs-cache-kit ${VERSION} at ${esm}`,
      `nestjs-cache-kit ${VERSION} at ${cjs}`,
    ]);
  });

  it('does not start when the library injects the service of another version, and says which are where', async () => {
    const { isConfigError, message } = await outcomeOf(older, 'before');

    expect(isConfigError).toBe(true);
    expect(message).toContain(`injects the CacheService of nestjs-cache-kit 0.0.9 at ${older},`);
    expect(message).toContain(`CacheKitModule.forRoot() of nestjs-cache-kit ${VERSION} at ${esm}.`);
  });

  it('starts when another version is loaded and nothing injects its service', async () => {
    expect(await outcomeOf(older, 'unused')).toEqual({ isSeparate: true, started: true });
  });
});

describe('the classes of errors', () => {
  it('tell their subclasses apart', () => {
    class OwnError extends CacheKeyError {}
    const own = new OwnError('m');

    expect([own instanceof OwnError, own instanceof CacheKeyError, own instanceof CacheError]).toEqual([
      true,
      true,
      true,
    ]);
    expect([
      own instanceof CacheConfigError,
      new CacheKeyError('m') instanceof OwnError,
      new CacheError('CACHE_KEY_INVALID', 'm') instanceof CacheKeyError,
    ]).toEqual([false, false, false]);
  });

  it.each([undefined, null, 'text', 5, {}, new Error('m'), Object.create(null)])(
    'do not recognise %p as one of their errors',
    (value) => {
      expect([value instanceof CacheError, value instanceof CacheTimeoutError]).toEqual([false, false]);
    },
  );
});

it('knows the version that package.json says', () => {
  expect(VERSION).toBe((JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version);
});
