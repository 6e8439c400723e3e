import { describe, expect, it } from '@jest/globals';
import { CacheConfigError } from '../../../core/vocabulary/cache.errors.js';
import { readHybridRedis, readRedis } from './redis-options.js';

describe('readRedis', () => {
  it('fills in every default', () => {
    expect(readRedis({ url: 'redis://localhost:6379/2' })).toEqual({
      connection: { kind: 'single', url: 'redis://localhost:6379/2', options: {} },
      keyPrefix: 'cache-kit',
      commandTimeoutMs: 250,
    });
  });

  it.each<[string, unknown]>([
    ['rediss://user:secret@host:6380', { kind: 'single', url: 'rediss://user:secret@host:6380', options: {} }],
    [
      'a:7000, redis://b:7001',
      { kind: 'cluster', nodes: ['redis://a:7000', 'redis://b:7001'], clusterOptions: {}, options: {} },
    ],
    [
      'redis-sentinel://user:se%40cret@a:1,b/mymaster/3',
      {
        kind: 'sentinel',
        name: 'mymaster',
        sentinels: [
          { host: 'a', port: 1 },
          { host: 'b', port: 26_379 },
        ],
        options: { username: 'user', password: 'se@cret', db: 3 },
      },
    ],
  ])('reads the URL %s', (url, connection) => {
    expect(readRedis({ url }).connection).toEqual(connection);
  });

  it.each<[unknown, RegExp]>([
    [{}, /Expected one of `redis.url`, `redis.cluster`, `redis.sentinel` and `redis.client`, got none/],
    [{ url: 'redis://a', sentinel: {} }, /Expected one of `redis.url` and `redis.sentinel`, got 2/],
    [{ uri: 'redis://a' }, /Unknown option `redis.uri`/],
    [{ url: '' }, /Expected `redis.url` to be a URL such as/],
    [{ url: 'http://a' }, /Expected `redis.url` to begin with redis:\/\//],
    [{ url: 'redis-sentinel://a:1' }, /Expected `redis.url` to be like 'redis-sentinel:/],
    [
      { url: 'redis-sentinel://::1/mymaster' },
      /Expected sentinels in `redis.url` such as 'host:26379' or '\[::1\]:26379', got `::1`/,
    ],
    [{ url: 'a:7000,' }, /Expected cluster nodes such as/],
    [{ cluster: { nodes: [] } }, /`redis.cluster.nodes` to be an array of at least one node/],
    [{ cluster: { nodes: [{ host: 'a' }] } }, /Expected every address of `redis.cluster.nodes` to be { host, port }/],
    [{ cluster: { nodes: ['a:1'], nodse: 1 } }, /Unknown option `redis.cluster.nodse`/],
    [{ sentinel: { name: '', sentinels: [] } }, /`redis.sentinel.name`/],
    [{ sentinel: { name: 'm', sentinels: [] } }, /`redis.sentinel.sentinels`/],
    [{ client: {} }, /Expected `redis.client` to be a Redis or Cluster of ioredis 5 or 6/],
    [{ client: { status: 'ready', duplicate: () => undefined } }, /a Redis or Cluster of ioredis 5 or 6/],
    [
      { url: 'redis://a', options: { keyPrefix: 'x' } },
      /Expected no `keyPrefix` in `redis.options`. Set `redis.keyPrefix`/,
    ],
    [
      { url: 'redis://a', options: { monitor: true } },
      /Expected no `monitor` in `redis.options`. A client that monitors cannot send commands/,
    ],
    [
      { sentinel: { name: 'm', sentinels: [{ host: 'a', port: 1 }] }, options: { role: 'slave' } },
      /Expected no `role` in `redis.options`. A replica stores nothing/,
    ],
    [
      {
        client: {
          status: 'ready',
          isCluster: false,
          duplicate: () => undefined,
          callBuffer: () => undefined,
          options: { monitor: true },
        },
      },
      /Expected no `monitor` in the options of `redis.client`/,
    ],
    [
      {
        client: {
          status: 'ready',
          isCluster: false,
          duplicate: () => undefined,
          callBuffer: () => undefined,
          options: { redisOptions: { keyPrefix: 'x' } },
        },
      },
      /Expected no `keyPrefix` in `redisOptions` in the options of `redis.client`/,
    ],
    [
      { cluster: { nodes: ['a:1'], options: { keyPrefix: 'x' } } },
      /Expected no `keyPrefix` in `redis.cluster.options`/,
    ],
    [
      { cluster: { nodes: ['a:1'], options: { redisOptions: { db: 3 } } } },
      /Expected no `db` in `redisOptions` in `redis.cluster.options`, got `3`: a cluster has database 0 alone/,
    ],
    [{ url: 'a:1,b:1', options: { db: 3 } }, /Expected no `db` in `redis.options`, got `3`/],
    [
      { url: 'a:1,b:1', options: { stringNumbers: true } },
      /Expected no `stringNumbers` in `redis.options`. With it ioredis does not know/,
    ],
    [
      { cluster: { nodes: ['a:1'], options: { redisOptions: { stringNumbers: true } } } },
      /Expected no `stringNumbers` in `redisOptions` in `redis.cluster.options`/,
    ],
    [
      {
        client: {
          status: 'ready',
          isCluster: true,
          duplicate: () => undefined,
          callBuffer: () => undefined,
          options: { redisOptions: { stringNumbers: true } },
        },
      },
      /Expected no `stringNumbers` in `redisOptions` in the options of/,
    ],
    [{ url: 'redis://a', keyPrefix: '' }, /`redis.keyPrefix` to be a non-empty string/],
    [{ url: 'redis://a', keyPrefix: 'a{b' }, /Expected braces in `redis.keyPrefix`/],
    [
      { url: 'redis://a', keyPrefix: 'shop:default:e' },
      /Expected `redis.keyPrefix` to have no part `e` behind its second colon/,
    ],
    [{ url: 'redis://a', commandTimeout: 0 }, /`redis.commandTimeout` to be more than 0/],
    [{ url: 'redis://a', commandTimeout: 'soon' }, /`redis.commandTimeout`/],
  ])('refuses %j', (redis, message) => {
    expect(() => readRedis(redis)).toThrow(CacheConfigError);
    expect(() => readRedis(redis)).toThrow(message);
  });

  it.each<[unknown, object]>([
    [
      { url: 'redis-sentinel://[::1]:26380,[fe80::1],b/mymaster' },
      {
        kind: 'sentinel',
        sentinels: [
          { host: '::1', port: 26380 },
          { host: 'fe80::1', port: 26379 },
          { host: 'b', port: 26379 },
        ],
      },
    ],
    [
      { sentinel: { name: 'm', sentinels: [{ host: '[::1]', port: 1 }] } },
      { kind: 'sentinel', sentinels: [{ host: '::1', port: 1 }] },
    ],
    [
      { url: 'redis:///run/my%20redis.sock' },
      { kind: 'single', url: 'redis://localhost', options: { path: '/run/my redis.sock' } },
    ],
    [{ url: 'redis:///3' }, { kind: 'single', url: 'redis:///3', options: {} }],
    [{ url: 'redis://[::1]:6379' }, { kind: 'single', url: 'redis://[::1]:6379' }],
  ])('reads the address of %j (fault 20)', (redis, connection) => {
    expect(readRedis(redis).connection).toMatchObject(connection);
  });

  it.each<[unknown, object, object]>([
    [
      { url: 'redis://user:s%40cret@a:1,b:2' },
      { nodes: ['redis://a:1', 'redis://b:2'] },
      { username: 'user', password: 's@cret' },
    ],
    [
      { url: 'rediss://:pw@a:1,b:2,rediss://:pw@c:3/0' },
      { nodes: ['rediss://a:1', 'redis://b:2', 'rediss://c:3/0'] },
      { password: 'pw', tls: {} },
    ],
    [
      { cluster: { nodes: ['u:pw@a:1', { host: 'b', port: 2 }] } },
      { nodes: ['redis://a:1', { host: 'b', port: 2 }] },
      { username: 'u', password: 'pw' },
    ],
    [
      { cluster: { nodes: ['rediss://a:1'] }, options: { password: 'pw', tls: { ca: 'c' } } },
      { options: { password: 'pw', tls: { ca: 'c' } } },
      { tls: { ca: 'c' } },
    ],
    [
      {
        cluster: {
          nodes: ['rediss://:pw@a:1'],
          options: { scaleReads: 'master', redisOptions: { password: 'pw', tls: undefined, family: 4 } },
        },
      },
      {},
      { family: 4, password: 'pw', tls: {} },
    ],
  ])('gives what one node of %j is given to every connection (fault 33)', (redis, connection, redisOptions) => {
    expect(readRedis(redis).connection).toMatchObject({
      kind: 'cluster',
      ...connection,
      clusterOptions: { redisOptions },
    });
  });

  it.each<[unknown, RegExp]>([
    [{ url: 'redis://:one@a:1,redis://:other@b:2' }, /Expected one password for all nodes of the cluster, got several/],
    [{ url: 'redis://u:pw@a:1,redis://v:pw@b:2' }, /Expected one user name for all nodes of the cluster, got several/],
    [{ url: 'redis://a:1,rediss://b:2' }, /Expected one scheme \(redis:\/\/ or rediss:\/\/\) for all nodes/],
    [
      { url: 'redis://:one@a:1,b:2', options: { password: 'other' } },
      /Expected one password for all nodes of the cluster in their URLs and in the options/,
    ],
    [
      { cluster: { nodes: ['redis://:one@a:1'], options: { redisOptions: { password: 'other' } } } },
      /Expected one password for all nodes/,
    ],
    [{ url: 'redis://a:1/3,b:2' }, /Expected no `db` in the URL of a cluster node, got `'3'`/],
    [
      { cluster: { nodes: [{ host: 'a', port: 1, password: 'pw' }] } },
      /Unknown option `redis.cluster.nodes\[\].password`/,
    ],
  ])('refuses nodes that contradict each other: %j (fault 33)', (redis, message) => {
    expect(() => readRedis(redis)).toThrow(message);
  });

  it.each<[unknown]>([
    ['http://user:secret@host'],
    ['redis://user:secret@a:1,user:secret@b:x'],
    ['redis://:secret@a:1,redis://:other@b:1'],
    ['redis://:sec/secret@host:6379'],
    ['redis://:sec@secret/@host:6379'],
    ['redis://user:secret'],
    ['redis:user:secret'],
    ['rediss+tls://user:secret@host'],
    ['user:secret@host:6379/x y'],
    ['redis-sentinel://:secret@host:26379'],
    ['redis-sentinel://:sec@secret@host:26379/mymaster'],
    ['redis-sentinel://:sec/secret@host:26379/mymaster'],
    ['redis://:secret%zz@host'],
    ['redis://:pa#secret@host'],
    ['redis://:p@ss#secret@host:6379'],
    ['redis://:secret%zz@a:1,b:1'],
    ['redis-sentinel://:secret%zz@host/mymaster'],
    ['http://host:6379?password=secret'],
  ])('shows no password of %s, and says what to write', (url) => {
    expect(() => readRedis({ url })).toThrow(CacheConfigError);
    expect(() => readRedis({ url })).toThrow(/^Expected .*(`redis\.url`|cluster nodes such as|for all nodes)/);
    expect(() => readRedis({ url })).not.toThrow(/secret/);
  });

  it.each<[unknown]>([
    ['redis://:secret@host'],
    [{ url: 'redis://a', options: 'redis://:secret@host' }],
    [{ cluster: { nodes: 'redis://:secret@host' } }],
    [{ cluster: { nodes: ['redis://:sec/secret@host'] } }],
    [{ sentinel: 'redis-sentinel://:secret@host/name' }],
    [{ sentinel: { name: 'm', sentinels: ['redis://:secret@host'] } }],
    [{ client: 'redis://:secret@host' }],
    [{ url: 'redis://a', keyPrefix: '{redis://:secret@host' }],
  ])('shows no password where a URL stands in the wrong place: %j', (redis) => {
    expect(() => readRedis(redis)).toThrow(CacheConfigError);
    expect(() => readRedis(redis)).not.toThrow(/secret/);
  });
});

describe('readHybridRedis', () => {
  it('fills in how copies are kept from growing old', () => {
    expect(readHybridRedis({ url: 'redis://localhost' })).toMatchObject({
      coherence: 'tracking',
      maxStalenessMs: 1_000,
      commandTimeoutMs: 250,
    });
  });

  it('takes what it is told', () => {
    expect(readHybridRedis({ url: 'redis://localhost', coherence: 'ttl', maxStaleness: '250ms' })).toMatchObject({
      coherence: 'ttl',
      maxStalenessMs: 250,
    });
  });

  it.each<[unknown, RegExp]>([
    [undefined, /Expected a `redis` section that says where Redis is/],
    [null, /Expected `redis` to be an object, got `null`/],
    [
      { url: 'redis://a', coherence: 'gossip' },
      /Expected `redis.coherence` to be one of 'tracking', 'bus', 'ttl', got `gossip`/,
    ],
    [
      { url: 'redis://a', maxStaleness: 0 },
      /Expected `redis.maxStaleness` to be 50 ms or more, got 0 ms. Where nothing may ever be old, use `backend: 'redis'`/,
    ],
    [{ url: 'redis://a', maxStaleness: 'soon' }, /`redis.maxStaleness`/],
    [{ url: 'redis://a', maxAge: 1 }, /Unknown option `redis.maxAge`/],
  ])('refuses %j', (redis, message) => {
    expect(() => readHybridRedis(redis)).toThrow(CacheConfigError);
    expect(() => readHybridRedis(redis)).toThrow(message);
  });
});
