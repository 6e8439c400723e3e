import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import { CacheConfigError, type CacheError, createCache } from '../../src/index.js';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const work = mkdtempSync(join(tmpdir(), 'cache-kit-start-'));
let directories = 0;
let directory: string;
let data: string;

beforeEach(async () => {
  directory = join(work, String(++directories));
  data = join(directory, 'default/data.mdb');
  const cache = await open();
  await cache.set('k', 'v');
  await cache.close();
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

function open(place = directory, onError = throwIt): ReturnType<typeof createCache> {
  return createCache({ backend: 'file', file: { directory: place }, onError });
}

function throwIt(error: CacheError): void {
  throw error;
}

/** Overwrites a part of the data file. */
function overwrite(offset: number, length: number, byte: number): void {
  const bytes = readFileSync(data);
  writeFileSync(data, bytes.fill(byte, offset, offset + length));
}

// lmdb itself ends the process in most of these cases: a failure here might end the test run.
describe('a cache on files', () => {
  it('does not start where its directory cannot be made', async () => {
    const opening = open(join(data, 'below-a-file'));

    await expect(opening).rejects.toThrow(CacheConfigError);
    await expect(opening).rejects.toThrow('Expected `file.directory` to be a directory that this process can make');
    await expect(opening).rejects.toThrow(/got `.*below-a-file.default`: ENOTDIR.* Choose another one/);
  });

  it.each<[string, () => void]>([
    ['another kind of file', () => writeFileSync(data, 'A page of text. '.repeat(1_000))],
    ['a file of a few bytes', () => truncateSync(data, 20)],
    ['a file that ends after its first description', () => truncateSync(data, 4_096)],
    ['a file whose first description is damaged', () => overwrite(0, 100, 0xff)],
    ['a file whose second description is damaged', () => overwrite(4_096, 100, 0)],
    ['a file with an impossible page size', () => overwrite(48, 4, 0xff)],
  ])('does not start on %s', async (_, damage) => {
    damage();

    const opening = open();

    await expect(opening).rejects.toThrow(CacheConfigError);
    await expect(opening).rejects.toThrow(/^Could not open the files of the cache in `.*default`: .*data\.mdb is not/);
    await expect(opening).rejects.toThrow('stop the processes that use them and delete the directory');
  });

  it.each(['data.mdb', 'lock.mdb'])('does not start where %s is a directory', async (name) => {
    rmSync(join(directory, 'default', name));
    mkdirSync(join(directory, 'default', name));

    await expect(open()).rejects.toThrow(new RegExp(`${name.replace('.', '\\.')} is not a file\\.`));
  });

  it('does not start on a file that is cut off after its descriptions', async () => {
    truncateSync(data, 8_192);

    await expect(open()).rejects.toThrow(/^Could not open the files of the cache in `.*default`: MDB_CORRUPTED/);
  });

  it('misses and reports what is damaged in a file that is cut off near its end', async () => {
    const faults: string[] = [];
    const keys = Array.from({ length: 100 }, (_, i) => `k${i}`);
    const whole = await open();
    for (const key of keys) await whole.set(key, key.padEnd(5_000, '.'));
    await whole.close();
    truncateSync(data, Math.floor((statSync(data).size * 0.9) / 4_096) * 4_096);

    const cache = await open(directory, (error) => void faults.push(error.message));
    const found = await Promise.all(keys.map((key) => cache.get<string>(key)));
    await cache.set('new', 'value');
    await cache.close();

    expect(found.filter((value, i) => value !== undefined && value !== keys[i]?.padEnd(5_000, '.'))).toEqual([]);
    expect(found.filter((value) => value === undefined).length).toBeGreaterThan(0);
    expect(new Set(faults).size).toBeGreaterThan(0);
  });

  it('starts on an empty file, and on a lock file that is damaged', async () => {
    truncateSync(data, 0);
    writeFileSync(join(directory, 'default/lock.mdb'), 'nonsense'.repeat(1_000));

    const cache = await open();

    expect(await cache.get('k')).toBeUndefined();
    await cache.set('k', 'new');
    expect(await cache.get('k')).toBe('new');
    await cache.close();
  });
});

describe('a cache on files without a working lmdb', () => {
  const SCRIPT = `
    import { createCache } from '${join(root, 'src/index.ts')}';
    const cache = createCache({ backend: 'file', file: { directory: process.env.DIRECTORY } });
    console.log(await cache.catch(({ code, message }) => code + ': ' + message));
  `;

  it.each([
    [
      'lmdb-that-nobody-installed',
      'The backend `file` needs the package `lmdb`, version 3. Install it with `npm install lmdb@3`.',
    ],
    [
      'data:text/javascript,export const open = 1; throw new Error("No build for this platform.")',
      'The package `lmdb` is installed and cannot be loaded: No build for this platform. Install it on this machine',
    ],
  ])('says what to install: %s', async (other, message) => {
    const said = await openWith(['./test/file/other-lmdb.mjs'], { OTHER_LMDB: other });

    expect(said).toContain(`CACHE_CONFIG_INVALID: ${message}`);
  });

  it('says what to install: a version that was not tested', async () => {
    const folder = join(work, 'lmdb of tomorrow');
    mkdirSync(folder);
    writeFileSync(join(folder, 'package.json'), '{ "name": "lmdb", "version": "4.0.0" }');

    const said = await openWith(['./test/file/other-version.mjs'], { OTHER_LMDB: join(folder, 'index.js') });

    expect(said).toContain(
      'CACHE_CONFIG_INVALID: The backend `file` needs the package `lmdb`, version 3, got 4.0.0. ' +
        'Install it with `npm install lmdb@3`.',
    );
  });

  /** Opens the cache in another process. @returns what it has printed */
  async function openWith(hooks: string[], environment: Record<string, string>): Promise<string> {
    const imports = ['./test/simulation/typescript.mjs', ...hooks].flatMap((path) => ['--import', path]);
    const { stdout } = await run(process.execPath, [...imports, '--input-type=module', '--eval', SCRIPT], {
      cwd: root,
      env: { ...process.env, ...environment, DIRECTORY: directory },
    });
    return stdout;
  }
});
