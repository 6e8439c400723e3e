import { describe, expect, it } from '@jest/globals';
import { Cluster, Redis } from 'ioredis';
import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';
import { type BullmqWriteBehindOptions, readBullmqOptions } from './bullmq-options.js';

const save = async (): Promise<void> => undefined;
const connection = 'redis://localhost:6379';

function read(options: object): ReturnType<typeof readBullmqOptions> {
  return readBullmqOptions(options as BullmqWriteBehindOptions);
}

describe('the options of bullmqWriteBehind', () => {
  it('have defaults', () => {
    expect(read({ connection, writers: { save } })).toEqual({
      connection: { kind: 'url', url: connection, options: {} },
      name: 'cache-kit-write-behind',
      writers: { save },
      sealing: undefined,
    });
  });

  it('are read once: a writer that is added later is none', () => {
    const writers: Record<string, () => Promise<void>> = { save };
    const resolved = read({ connection, writers });

    writers['late'] = save;

    expect(Object.keys(resolved.writers)).toEqual(['save']);
  });

  it('can seal values of their own', () => {
    const encryption = { keys: [{ id: 'a', secret: '0123456789abcdef' }] };

    expect(read({ connection, writers: { save }, encryption }).sealing?.encryption?.keys).toHaveLength(1);
  });

  it.each<[object, string]>([
    [
      { connection },
      'Expected `bullmqWriteBehind.writers` to be an object with at least one function, got `undefined`.',
    ],
    [{ connection, writers: {} }, 'Write `writers: { saveProduct: async (value, key) => { ... } }`'],
    [{ connection, writers: [save] }, 'got `an array`'],
    [
      { connection, writers: { save: 'save' } },
      'Expected `bullmqWriteBehind.writers.save` to be a function, got `save`.',
    ],
    [{ connection, writers: { save }, name: '' }, 'Expected `bullmqWriteBehind.name` to be a non-empty string'],
    [{ connection, writers: { save }, name: '{a}' }, 'without braces, got `{a}`.'],
    [
      { connection, writers: { save }, prefix: 'a' },
      'Unknown option `bullmqWriteBehind.prefix`. Write `name` instead.',
    ],
    [{ url: connection, writers: { save } }, 'Unknown option `bullmqWriteBehind.url`. Write `connection: '],
    [
      { connection, writers: { save }, attempts: 3 },
      'Unknown option `bullmqWriteBehind.attempts`. Write `retries` in each call of `writeBehind` instead.',
    ],
    [{ connection, writers: { save }, encryption: {} }, 'Expected `encryption.keys` to be an array'],
  ])('refuse %p', (options, message) => {
    expect(() => read(options)).toThrow(CacheConfigError);
    expect(() => read(options)).toThrow(message);
  });

  it('refuse something else than an object', () => {
    expect(() => read('redis://localhost' as never)).toThrow('Expected `bullmqWriteBehind` to be an object');
  });
});

describe('the connection', () => {
  const of = (given: unknown): unknown => read({ connection: given, writers: { save } }).connection;

  it.each<[unknown, object]>([
    [' rediss://a:b@host:6380/1 ', { kind: 'url', url: 'rediss://a:b@host:6380/1', options: {} }],
    [
      { host: 'a', port: 1 },
      { kind: 'options', options: { host: 'a', port: 1 } },
    ],
    [
      { sentinels: [{ host: 'a', port: 1 }], name: 'm' },
      { kind: 'options', options: { sentinels: [{ host: 'a', port: 1 }], name: 'm' } },
    ],
    [
      { path: '/run/redis.sock', keyPrefix: '' },
      { kind: 'options', options: { path: '/run/redis.sock', keyPrefix: '' } },
    ],
    [
      { url: 'redis://host', tls: { ca: 'x' } },
      { kind: 'url', url: 'redis://host', options: { tls: { ca: 'x' } } },
    ],
  ])('can be %p', (given, resolved) => {
    expect(of(given)).toEqual(resolved);
  });

  it('can be a client of ioredis', () => {
    const redis = new Redis({ lazyConnect: true });
    const cluster = new Cluster([{ host: 'localhost', port: 1 }], { lazyConnect: true });

    expect([of(redis), of(cluster)]).toEqual([
      { kind: 'client', client: redis },
      { kind: 'client', client: cluster },
    ]);
  });

  it.each<[string, unknown, RegExp]>([
    ['nothing', undefined, /to be a URL such as 'redis:\/\/localhost:6379', .*, got `undefined`\./],
    ['a number', 6379, /got `6379`/],
    ['an array', [{ host: 'a' }], /got `an array`/],
    [
      'a client of another package',
      new (class RedisClient extends EventTarget {})(),
      /got `an object \(RedisClient\)`/,
    ],
    ['another protocol', 'http://localhost', /got `http:\/\/localhost`\./],
    ['a list of nodes', 'redis://a:1,redis://b:2', /for a Cluster `new Cluster\(nodes\)` of ioredis\./],
    ['the URL of Sentinels', 'redis-sentinel://a:1/m', /For Sentinels write `\{ sentinels, name \}`/],
    [
      'a list of nodes in an object',
      { nodes: ['a:1'] },
      /got an object with `nodes`\. Write `connection`: `new Cluster/,
    ],
    ['the section of a cache', { client: {} }, /got an object with `client`\. Write `connection`: the client itself\./],
    ['a prefix for keys', { host: 'a', keyPrefix: 'b:' }, /Expected no `keyPrefix` in .* set `bullmqWriteBehind.name`/],
    ['a client with a prefix', new Redis({ lazyConnect: true, keyPrefix: 'b:' }), /Expected no `keyPrefix` in/],
    [
      'a cluster with a prefix',
      new Cluster([{ host: 'a', port: 1 }], { lazyConnect: true, redisOptions: { keyPrefix: 'b:' } }),
      /Expected no `keyPrefix` in/,
    ],
  ])('cannot be %s', (_, given, message) => {
    expect(() => of(given)).toThrow(CacheConfigError);
    expect(() => of(given)).toThrow(message);
  });

  it('shows no password when it is wrong', () => {
    expect(() => of('redi://user:secret@host')).toThrow(/got `redi:\/\/\*\*\*@host`/);
  });
});
