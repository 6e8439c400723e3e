import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, jest } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { ask } from '../../support/redis/ask.js';
import { freePort } from '../../support/redis/free-port.js';
import { startCluster, startRedis, startSentinels } from '../../support/redis-servers.js';
import { afterTest, cleanUpAfterEach, stopAfterTest, timed } from '../redis.fixture.js';
import { openWriting, Source, untilTrue } from './bullmq.fixture.js';

jest.setTimeout(60_000);
cleanUpAfterEach();

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');

/** Writes some keys several times through two processes, and checks what the source got. */
async function expectWrites(connection: () => string | object): Promise<void> {
  const source = new Source();
  const one = await openWriting(connection(), { save: source.save });
  const other = await openWriting(connection(), { save: source.save });
  const keys = Array.from({ length: 10 }, (_, i) => `k${i}`);

  for (const cache of [one.cache, other.cache, one.cache])
    await Promise.all(keys.map((key) => cache.writeBehind(key, `${key} first`, 'save', { delay: 5 })));
  await Promise.all(keys.map((key) => other.cache.writeBehind(key, `${key} last`, 'save', { delay: 50, retries: 3 })));
  await untilTrue(() => keys.every((key) => source.rows.get(key) === `${key} last`), 'the last value of each key');

  expect([source.mostOverlapping, one.errors, other.errors]).toEqual([1, [], []]);
}

describe('the connection of write-behind', () => {
  it('can be a Cluster', async () => {
    const { nodes } = await stopAfterTest(startCluster());
    const client = new Cluster(nodes.map(({ host, port }) => ({ host, port })));
    afterTest(() => client.disconnect());

    await expectWrites(() => client);

    expect(client.status).toBe('ready');
  });

  it('can be a master that Sentinels know', async () => {
    const trio = await stopAfterTest(startSentinels());
    const sentinels = trio.sentinels.map(({ host, port }) => ({ host, port }));

    await expectWrites(() => ({ sentinels, name: trio.name }));
  });

  it('can be a client, which is copied, and neither used nor closed', async () => {
    const { url, port } = await stopAfterTest(startRedis());
    const client = new Redis(url, { connectionName: 'of-the-application', maxRetriesPerRequest: 1, lazyConnect: true });
    afterTest(() => client.disconnect());
    await client.connect();
    const commands = jest.spyOn(client, 'sendCommand');

    const source = new Source();
    const { cache } = await openWriting(client, { save: source.save });
    await cache.writeBehind('k', 1, 'save', { delay: 0 });
    await source.untilWrites(1);
    await cache.close();

    expect([commands.mock.calls.length, client.status, await client.ping()]).toEqual([0, 'ready', 'PONG']);
    const connections = (await ask(port, 'CLIENT LIST')).split('\n').filter((line) => line.includes('addr='));
    expect(connections).toHaveLength(2);
  });

  it('needs no other rights than the documented ones', async () => {
    const { port } = await stopAfterTest(startRedis());
    await ask(port, 'ACL SETUSER queue on >secret ~cache-kit-write-behind:* +@all -@admin');

    await expectWrites(() => ({ port, username: 'queue', password: 'secret' }));
  });

  it('can be options that would make a client useless for a queue', async () => {
    const { port } = await stopAfterTest(startRedis());
    const source = new Source();
    const options = {
      port,
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 2,
      stringNumbers: true,
    };

    const { cache, errors } = await openWriting(options, { save: source.save });
    await cache.writeBehind('k', 1, 'save', { delay: 0 });
    await source.untilWrites(1);

    expect([source.values, errors]).toEqual([[1], []]);
  });
});

describe('write-behind without Redis', () => {
  it('rejects within its time limit, says that nothing was taken over, and stores nothing', async () => {
    const source = new Source();
    const { cache, errors } = await openWriting({ port: await freePort() }, { save: source.save });
    await cache.set('k', 'old');

    const { value, tookMs } = await timed(() => cache.writeBehind('k', 'new', 'save').catch((error: unknown) => error));

    expect(String(value)).toContain(
      'CacheUnavailableError: Nothing was taken over for `k`, and the cache does not have',
    );
    expect(tookMs).toBeLessThan(3_000);
    expect(await cache.get('k')).toBe('old');
    expect(errors.map(({ message }) => message)).toEqual([
      expect.stringContaining('Could not reach the Redis of `bullmqWriteBehind`: connect ECONNREFUSED'),
    ]);
  });

  it('begins to work when Redis comes', async () => {
    const port = await freePort();
    const source = new Source();
    const { cache } = await openWriting({ port }, { save: source.save });
    await cache.writeBehind('k', 1, 'save').catch(() => undefined);

    await stopAfterTest(startRedis({ port }));
    await cache.writeBehind('k', 2, 'save', { delay: 0 });
    await source.untilWrites(1);

    expect(source.values).toEqual([2]);
  });

  it('shows no password in its reports', async () => {
    const { port } = await stopAfterTest(startRedis());
    const { cache, errors } = await openWriting(`redis://user:secret@127.0.0.1:${port}`, { save: new Source().save });

    const error: unknown = await cache.writeBehind('k', 1, 'save').catch((rejected: unknown) => rejected);

    expect(errors.length).toBeGreaterThan(0);
    for (const each of [error, ...errors])
      expect(JSON.stringify(each) + String((each as Error).cause)).not.toContain('secret');
  });
});

describe('the start of write-behind', () => {
  const SCRIPT = `
    import { bullmqWriteBehind } from '${join(root, 'src/bullmq.ts')}';
    import { createCache } from '${join(root, 'src/create-cache.ts')}';
    const writeBehind = bullmqWriteBehind({ connection: 'redis://localhost:1', writers: { save: async () => undefined } });
    console.log(await createCache({ writeBehind }).catch(({ code, message }) => code + ': ' + message));
  `;
  const classes = 'export const [Queue, Worker, DelayedError] = [class {}, class {}, class {}];';

  it.each([
    ['bullmq-that-nobody-installed', '`bullmqWriteBehind` needs the packages `bullmq`, version 6, and `ioredis`.'],
    [
      `data:text/javascript,${classes}`,
      'needs the package `bullmq`, version 6.1 or later of major 6, got an older version.',
    ],
    [
      `data:text/javascript,${classes} export const BULLMQ_MAJOR_VERSION = 7;`,
      'of major 6, got version 7. Install them',
    ],
  ])('says what to install: %s', async (other, message) => {
    const hooks = ['./test/simulation/typescript.mjs', './test/redis/bullmq/other-bullmq.mjs'].flatMap((path) => [
      '--import',
      path,
    ]);

    const { stdout } = await run(process.execPath, [...hooks, '--input-type=module', '--eval', SCRIPT], {
      cwd: root,
      env: { ...process.env, OTHER_BULLMQ: other },
    });

    expect(stdout).toContain('CACHE_CONFIG_INVALID: `bullmqWriteBehind`');
    expect(stdout).toContain(message);
    expect(stdout).toContain('Install them with `npm install bullmq@6 ioredis`.');
  });
});
