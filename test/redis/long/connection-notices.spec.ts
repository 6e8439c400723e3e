import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { inspect } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Redis } from 'ioredis';
import type { CacheKitOptions } from '../../../src/cache-kit.options.js';
import { createCache } from '../../../src/create-cache.js';
import type { CacheError } from '../../../src/core/vocabulary/cache.errors.js';
import type { CacheService } from '../../../src/core/cache.service.js';
import { freePort } from '../../support/redis/free-port.js';
import { until } from '../../support/redis/until.js';
import { type RedisServer, startCluster, startRedis, startSentinels } from '../../support/redis-servers.js';
import { cleanUpAfterEach, stopAfterTest, afterTest, rawClient, untilStatus } from '../redis.fixture.js';

/** Log lines about the connection. Neither a line nor an error contains a secret. */

jest.setTimeout(60_000);
cleanUpAfterEach();

const SECRET = 's3cr3t';
const UNTIL_THEN = ' Until then the application runs uncached; invalidations are kept and sent later.';
type RedisSection = NonNullable<CacheKitOptions['redis']>;

let lines: string[] = [];
beforeEach(() => {
  lines = [];
  for (const level of ['log', 'warn', 'error'] as const)
    jest
      .spyOn(Logger.prototype, level)
      .mockImplementation((line: unknown) => void lines.push(`${level}: ${String(line)}`));
  // ioredis warns about a password that is not needed.
  jest.spyOn(console, 'warn').mockImplementation(() => undefined);
});
afterEach(() => void jest.restoreAllMocks());

const directory = mkdtempSync(join(tmpdir(), 'cache-kit-tls-'));
let identity: { readonly key: Buffer; readonly cert: Buffer };
beforeAll(() => {
  const files = { key: join(directory, 'key.pem'), cert: join(directory, 'cert.pem') };
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      files.key,
      '-out',
      files.cert,
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
    ],
    { stdio: 'ignore' },
  );
  identity = { key: readFileSync(files.key), cert: readFileSync(files.cert) };
});
afterAll(() => rmSync(directory, { recursive: true }));

async function listening(server: Server): Promise<number> {
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  afterTest(() => server.close());
  return (server.address() as { port: number }).port;
}

/** Creates a server that answers every connection as an HTTP server would. */
function httpServer(): Server {
  return createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'));
}

function withoutAuthCommands(): Promise<RedisServer> {
  return stopAfterTest(startRedis({ args: ['--rename-command', 'AUTH', '', '--rename-command', 'HELLO', ''] }));
}

async function withPassword(password: string, server?: RedisServer): Promise<RedisServer> {
  const started = server ?? (await stopAfterTest(startRedis()));
  await rawClient(started).config('SET', 'requirepass', password);
  return started;
}

async function withUser(...rules: string[]): Promise<RedisServer> {
  const server = await stopAfterTest(startRedis());
  await rawClient(server).call('ACL', 'SETUSER', 'app', 'on', `>${SECRET}`, ...rules);
  return server;
}

async function openLogging(redis: RedisSection, backend: 'redis' | 'hybrid' = 'redis'): Promise<CacheService> {
  const cache = await createCache({ backend, redis });
  afterTest(() => cache.close());
  return cache;
}

async function untilLines(count: number): Promise<void> {
  await until(
    async () => lines.length >= count,
    15_000,
    () => `Expected ${count} lines, got ${lines.length}: ${lines.join('\n')}`,
  );
}

type Case = readonly [what: string, start: () => Promise<RedisSection>, expected: RegExp];

const CASES: readonly Case[] = [
  [
    'a port without a server',
    async () => ({ url: `redis://u:${SECRET}@127.0.0.1:${await freePort()}/3` }),
    /^warn: Redis at redis:\/\/127\.0\.0\.1:\d+\/3 cannot be reached \(connect ECONNREFUSED 127\.0\.0\.1:\d+\)\. Nothing listens there/,
  ],
  [
    'no such host',
    async () => ({ url: `redis://u:${SECRET}@no-such-host.invalid` }),
    /^(error|warn): Redis at redis:\/\/no-such-host\.invalid:6379\/0 cannot be found/,
  ],
  [
    'a wrong password',
    async () => ({ url: `redis://:${SECRET}@127.0.0.1:${(await withPassword('right')).port}` }),
    /^error: Redis at .* refuses the password \(WRONGPASS\)\. Check user and password/,
  ],
  [
    'a missing password',
    async () => ({ url: (await withPassword(SECRET)).url }),
    /^error: Redis at .* asks for a password \(NOAUTH\), and got none\. Write it in the URL/,
  ],
  [
    'too few rights',
    async () => ({ url: `redis://app:${SECRET}@127.0.0.1:${(await withUser('~other:*', '+@all')).port}` }),
    /^error: Redis at .* refuses what a cache does \(NOPERM .*\)\. Give its user the rights/,
  ],
  [
    'a plain server for TLS',
    async () => ({ url: `rediss://:${SECRET}@127.0.0.1:${(await stopAfterTest(startRedis())).port}` }),
    /^warn: Redis at rediss:.* does not answer \(.*\)\. Where that port does not speak TLS, write redis:/,
  ],
  [
    'TLS for a plain connection',
    async () => ({ url: `redis://:${SECRET}@127.0.0.1:${await listening(createTlsServer(identity))}` }),
    /^(warn|error): Redis at redis:.*(Where that port speaks TLS, write rediss:|does not speak the protocol)/,
  ],
  [
    'an untrusted certificate',
    async () => ({ url: `rediss://:${SECRET}@127.0.0.1:${await listening(createTlsServer(identity))}` }),
    /^error: Redis at rediss:.* has a certificate that is not trusted \(self-signed certificate\)\. Give the certificate/,
  ],
  [
    'a cluster URL for a single server',
    async () => ({ cluster: { nodes: [`redis://:${SECRET}@127.0.0.1:${(await stopAfterTest(startRedis())).port}`] } }),
    /^error: The Redis Cluster at 127\.0\.0\.1:\d+ is no cluster \(ERR This instance has cluster support disabled\)\. Write `redis\.url`/,
  ],
  [
    'a cluster that is down',
    async () => ({ url: `redis://:${SECRET}@127.0.0.1:${await freePort()},127.0.0.1:${await freePort()}` }),
    /^warn: The Redis Cluster at 127\.0\.0\.1:\d+, 127\.0\.0\.1:\d+ cannot be reached/,
  ],
  [
    'a node of a cluster',
    async () => ({ url: (await stopAfterTest(startRedis({ args: ['--cluster-enabled', 'yes'] }))).url }),
    /^error: Redis at .* has no server for some keys \(CLUSTERDOWN/,
  ],
  [
    'a replica',
    async () => ({
      url: (
        await stopAfterTest(startRedis({ args: ['--replicaof', '127.0.0.1', '1', '--replica-serve-stale-data', 'no'] }))
      ).url,
    }),
    /^warn: Redis at .* is a replica without a master \(MASTERDOWN\)/,
  ],
  [
    'a missing database',
    async () => ({ url: `${(await stopAfterTest(startRedis())).url}/99` }),
    /^error: Redis at .*\/99 has no database of that number \(ERR DB index is out of range\), and entries go to database 0\./,
  ],
  [
    'another protocol',
    async () => ({
      url: `redis://127.0.0.1:${await listening(httpServer())}`,
    }),
    /^error: Redis at .* does not speak the protocol of Redis there\. Check the port\./,
  ],
  [
    'a server that is not a sentinel',
    async () => ({
      sentinel: {
        name: 'mymaster',
        sentinels: [{ host: '127.0.0.1', port: (await stopAfterTest(startRedis())).port }],
      },
      options: { password: SECRET },
    }),
    /^error: The master `mymaster` of the sentinels at .* cannot be asked for, because these are no sentinels/,
  ],
  [
    'sentinels that are down',
    async () => ({
      sentinel: { name: 'mymaster', sentinels: [{ host: '127.0.0.1', port: await freePort() }] },
      options: { password: SECRET },
    }),
    /^warn: The master `mymaster` .* cannot be asked for: no sentinel can be reached/,
  ],
];

describe.each(['redis', 'hybrid'] as const)('the log of a cache (%s)', (backend) => {
  it.each(CASES)('has one line for %s', async (_, start, expected) => {
    const redis = await start();

    const cache = await openLogging(redis, backend);
    for (let i = 0; i < 3; i++) await Promise.all([cache.getOrSet('k', () => 1), cache.invalidateTags(['t'])]);
    await until(
      async () => lines.some((line) => expected.test(line)),
      10_000,
      () => `The expected line is missing: ${lines.join('\n')}`,
    );

    // A hybrid cache also logs its coherence mode.
    const shown = lines.filter((line) => !line.includes('Near copies'));
    expect(shown).toEqual([expect.stringMatching(expected)]);
    expect(shown[0]).not.toContain(SECRET);
    if (!shown[0]!.includes('database 0')) expect(shown[0]!.endsWith(UNTIL_THEN)).toBe(true);
  });
});

describe('the log of a cache', () => {
  it('reports once that it is connected, that the connection is lost and why, and that it is back', async () => {
    const server = await stopAfterTest(startRedis());
    const cache = await openLogging({ url: server.url });
    await untilStatus(cache, 'up');

    server.kill('SIGKILL');
    await untilLines(2);
    await server.restart();
    await untilLines(3);

    expect(lines).toEqual([
      expect.stringMatching(
        /^log: Redis at redis:\/\/127\.0\.0\.1:\d+\/0 is connected \((version|Valkey) \d+\.\d+\.\d+\)\.$/,
      ),
      expect.stringMatching(/^warn: Redis at .* cannot be reached \(connect ECONNREFUSED/),
      expect.stringMatching(/^log: Redis at .* is back after \d+ m?s \((version|Valkey) \d+\.\d+\.\d+\)\.$/),
    ]);
  });

  it('has no second line for many attempts, and one when the reason changes', async () => {
    const port = await freePort();
    await openLogging({ url: `redis://:${SECRET}@127.0.0.1:${port}` });
    await untilLines(1);

    const server = await stopAfterTest(
      startRedis({
        port,
        args: ['--user', 'default', 'on', '>right', '~*', '&*', '+@all', '--user', 'watch', 'on', 'nopass', '+info'],
      }).catch(async () => withPassword('right')),
    );
    await untilLines(2);
    const attempts = async (): Promise<number> =>
      Number(/total_connections_received:(\d+)/.exec(await rawClient(server, 'right').info('stats'))?.[1]);
    const before = await attempts();
    await until(
      async () => (await attempts()) > before + 30,
      30_000,
      () => 'It did not retry in time.',
    );

    expect(lines).toEqual([expect.stringMatching(/cannot be reached/), expect.stringMatching(/refuses the password/)]);
  });

  it('names the master that sentinels do not know', async () => {
    const trio = await stopAfterTest(startSentinels());

    await openLogging({
      sentinel: { name: 'other', sentinels: trio.sentinels.map(({ host, port }) => ({ host, port })) },
    });
    await untilLines(1);

    expect(lines).toEqual([
      expect.stringMatching(
        /^error: The master `other` of the sentinels at .* is not known to them \(ERR No such master with that name\)\. Check the name/,
      ),
    ]);
  });

  it('reports that a server is a node of a cluster', async () => {
    const cluster = await stopAfterTest(startCluster());

    await openLogging({ url: cluster.nodes[0]!.url });
    await untilLines(1);

    expect(lines).toEqual([
      expect.stringMatching(/^error: Redis at .* is a node of a cluster \(MOVED\)\. Write `redis\.cluster/),
    ]);
  });

  it('reports the number of masters of a cluster, and nothing about a node that is down', async () => {
    const cluster = await stopAfterTest(startCluster());
    const [first, ...others] = cluster.urls;

    const cache = await openLogging({
      cluster: { nodes: [`redis://127.0.0.1:${await freePort()}`, first!, ...others] },
    });
    await untilStatus(cache, 'up');
    await untilLines(1);

    expect(lines).toEqual([
      expect.stringMatching(/^log: The Redis Cluster at .* and \d+ more is connected \(3 masters\)\.$/),
    ]);
  });

  it('reports once that a replica cannot be written', async () => {
    const master = await stopAfterTest(startRedis());
    const replica = await stopAfterTest(startRedis({ args: ['--replicaof', '127.0.0.1', String(master.port)] }));
    await until(
      async () => (await rawClient(replica).info('replication')).includes('master_link_status:up'),
      10_000,
      () => 'The replica did not follow.',
    );

    const cache = await openLogging({ url: replica.url });
    const isReported = async (): Promise<boolean> => {
      await cache.set('k', 1);
      return lines.some((line) => line.includes('is a replica, which cannot be written (READONLY)'));
    };
    await until(isReported, 10_000, () => lines.join('\n'));
    await replica.restart();
    for (let i = 0; i < 20; i++) await cache.set('k', 1);

    expect(lines.filter((line) => line.includes('is back'))).toEqual([]);
    expect(lines.filter((line) => line.includes('is a replica, which'))).toHaveLength(1);
  });

  it('has no line for failing calls', async () => {
    const cache = await openLogging({ url: `redis://127.0.0.1:${await freePort()}` });

    for (let i = 0; i < 20; i++) await cache.set('k', i);

    expect(lines).toHaveLength(1);
  });
});

interface Collected {
  readonly errors: readonly CacheError[];
  readonly everything: string;
}

/** Uses a cache, and collects the errors of `onError` as they would be printed. */
async function errorsOf(redis: RedisSection, isEnough: (errors: readonly CacheError[]) => boolean): Promise<Collected> {
  const errors: CacheError[] = [];
  const cache = await createCache({ backend: 'redis', redis, onError: (error) => errors.push(error) });
  afterTest(() => cache.close());
  const has = async (): Promise<boolean> => {
    await cache.set('a-private-key', `value-${SECRET}-${'x'.repeat(100_000)}`);
    await cache.getOrSet('b', () => SECRET);
    await cache.invalidateTags(['t']);
    return isEnough(errors);
  };
  await until(has, 10_000, () => `Not all errors were reported: ${[...new Set(errors.map(causesOf))].join('\n')}`);
  const shown = errors.map(
    (error) =>
      inspect(error, { depth: 20, showHidden: true }) +
      JSON.stringify(error) +
      JSON.stringify(error, Object.getOwnPropertyNames(error)) +
      String(error.stack),
  );
  return { errors, everything: [...shown, ...lines].join('\n') };
}

const causesOf = (error: unknown): string =>
  error instanceof Error
    ? `${error.message} <- ${causesOf((error as { lastNodeError?: unknown }).lastNodeError ?? error.cause)}`
    : '';
const hasCause = (pattern: RegExp) => (errors: readonly CacheError[]) =>
  errors.some((error) => pattern.test(causesOf(error)));

const LEAKS: readonly (readonly [what: string, start: () => Promise<RedisSection>, cause: RegExp])[] = [
  [
    'a wrong password',
    async () => ({ url: `redis://app:${SECRET}@127.0.0.1:${(await withPassword('right')).port}` }),
    /WRONGPASS/,
  ],
  [
    'a wrong password of a cluster',
    async () => ({ cluster: { nodes: [`redis://:${SECRET}@127.0.0.1:${(await withPassword('right')).port}`] } }),
    /WRONGPASS/,
  ],
  [
    'a wrong password in the options',
    async () => ({ url: (await withPassword('right')).url, options: { password: SECRET } }),
    /WRONGPASS/,
  ],
  [
    'a server that repeats unknown commands',
    async () => ({
      url: `redis://:${SECRET}@127.0.0.1:${(await withoutAuthCommands()).port}`,
    }),
    /unknown command/i,
  ],
  [
    'no such host',
    async () => ({
      sentinel: { name: 'm', sentinels: [{ host: `redis://:${SECRET}@no-such-host.invalid`, port: 1 }] },
    }),
    /no-such-host|sentinels are unreachable/,
  ],
  [
    'a server that is full',
    async () => ({
      url: (await stopAfterTest(startRedis({ args: ['--maxmemory', '1mb', '--maxmemory-policy', 'noeviction'] }))).url,
    }),
    /OOM/,
  ],
  [
    'too few rights',
    async () => ({ url: `redis://app:${SECRET}@127.0.0.1:${(await withUser('~*', '&*', '+@all', '-set')).port}` }),
    /NOPERM|can't run this command/,
  ],
];

describe('an error of a cache', () => {
  it.each(LEAKS)('contains no passwords, keys or values: %s', async (_, start, cause) => {
    const { errors, everything } = await errorsOf(await start(), hasCause(cause));

    expect(errors[0]).toMatchObject({ code: 'CACHE_BACKEND_UNAVAILABLE', cause: expect.any(Error) });
    expect(everything).not.toContain(SECRET);
    expect(everything).not.toContain('a-private-key');
  });

  it('does not change the errors that the owner of a client sees', async () => {
    const server = await withPassword('right');
    const seen: Error[] = [];
    const client = new Redis({
      host: '127.0.0.1',
      port: server.port,
      username: 'app',
      password: SECRET,
      maxRetriesPerRequest: 0,
    });
    client.on('error', (error: Error) => seen.push(error));
    afterTest(() => client.disconnect());

    const { everything } = await errorsOf({ client }, hasCause(/WRONGPASS/));

    expect(everything).not.toContain(SECRET);
    expect(inspect(seen, { depth: 5 })).toContain(SECRET);
  });
});
