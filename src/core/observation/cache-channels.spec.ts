import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from '@jest/globals';
import { cacheWith } from '../../../test/support/cache-with.js';

const NAMES = ['hit', 'miss', 'load', 'invalidate', 'error'].map((name) => `nestjs-cache-kit:${name}`);

describe('the channels of node:diagnostics_channel', () => {
  const heard: [string, object][] = [];
  const listener = (message: unknown, channel: string | symbol): void => {
    heard.push([String(channel).replace('nestjs-cache-kit:', ''), message as object]);
  };

  afterEach(() => {
    for (const name of NAMES) unsubscribe(name, listener);
    heard.length = 0;
  });

  it('tell what happens in all caches, with the name of the cache', async () => {
    for (const name of NAMES) subscribe(name, listener);
    const { cache, clock } = cacheWith({ name: 'prices', staleWhileRevalidate: '1m' });

    await cache.getOrSet('k', async () => (await clock.advance(5), 'v'), { ttl: '1s', tags: ['t'] });
    await cache.get('k');
    await clock.advance(2_000);
    await cache.getOrSet('k', () => 'w', { ttl: '1s' });
    await cache.getOrSet('bad', () => Promise.reject(new Error('x'))).catch(() => undefined);
    await cache.invalidateTags(['t']);
    await cache.delete('gone');
    await cache.getOrSet('odd', () => Symbol('odd'));

    expect(heard).toEqual(
      expect.arrayContaining([
        ['miss', { cache: 'prices', type: 'miss', key: 'k', namespace: undefined }],
        ['load', expect.objectContaining({ type: 'load', key: 'k', durationMs: 5, isStored: true })],
        ['hit', { cache: 'prices', type: 'hit', key: 'k', namespace: undefined }],
        ['hit', { cache: 'prices', type: 'stale', key: 'k', namespace: undefined }],
        ['load', expect.objectContaining({ type: 'load-failed', key: 'bad' })],
        ['invalidate', expect.objectContaining({ type: 'invalidate', target: { tags: ['t'], mode: 'any' } })],
        ['invalidate', expect.objectContaining({ type: 'delete', keys: ['gone'] })],
        ['error', expect.objectContaining({ cache: 'prices', type: 'error' })],
      ]),
    );
  });

  it('tell nothing on a channel that nobody listens to', async () => {
    subscribe('nestjs-cache-kit:miss', listener);
    const { cache } = cacheWith();

    await cache.set('k', 1);
    await cache.get('k');
    await cache.get('l');

    expect(heard.map(([name]) => name)).toEqual(['miss']);
  });
});
