import { describe, expect, it } from '@jest/globals';
import { createCache, memoryAdapter } from '../../create-cache.js';
import { faultyAdapter } from './faulty-adapter.js';
import { recordingObserver } from './recording-observer.js';

describe('recordingObserver', () => {
  it('keeps the events of the caches it observes, in their order', async () => {
    const [one, other] = [await createCache(), await createCache()];
    const observer = recordingObserver().observe(one).observe(other);

    await one.get('a');
    await other.set('b', 1);
    await one.deleteMany(['a', 'b']);

    expect(observer.events.map(({ type }) => type)).toEqual(['miss', 'set', 'delete']);
    expect(observer.eventsOf('delete').map(({ keys, count }) => [keys, count])).toEqual([[['a', 'b'], 0]]);
    expect(observer.eventsAbout('b').map(({ type }) => type)).toEqual(['set', 'delete']);
    await Promise.all([one.close(), other.close()]);
  });

  it('keeps each fault once, also where it is the `onError` of the cache', async () => {
    const observer = recordingObserver();
    const down = new Error('down');
    const cache = await createCache({
      adapter: faultyAdapter(memoryAdapter(), { get: { error: down } }),
      onError: observer.onError,
    });
    observer.observe(cache);

    await cache.get('k');

    expect(observer.errors.map(({ code, cause }) => [code, cause])).toEqual([['CACHE_BACKEND_UNAVAILABLE', down]]);
    expect(observer.eventsOf('error')).toHaveLength(1);
    await cache.close();
  });

  it('forgets when it is cleared, and listens no more when it is closed', async () => {
    const cache = await createCache();
    const observer = recordingObserver().observe(cache);
    await cache.get('a');

    observer.clear();
    await cache.get('b');
    observer.close();
    await cache.get('c');

    expect(observer.eventsAbout('b')).toHaveLength(1);
    expect(observer.events).toHaveLength(1);
    await cache.close();
  });

  it.each([undefined, {}, { events: [] }])('refuses %p, which is no cache', (cache) => {
    expect(() => recordingObserver().observe(cache as never)).toThrow(/Expected a CacheService to observe/);
  });
});
