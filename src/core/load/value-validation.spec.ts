import { describe, expect, it } from '@jest/globals';
import { cacheWith, settle } from '../../../test/support/cache-with.js';

describe('a validator that answers with a promise', () => {
  it('accepts no value, and its rejection does not end the process', async () => {
    const { cache } = cacheWith();
    await cache.set('k', 'stored');

    const value = await cache.getOrSet('k', () => 'loaded', {
      validate: (async () => Promise.reject(new Error('too late'))) as never,
    });
    // Node looks for rejections that nobody has handled when the microtasks are done.
    await settle();

    expect(value).toBe('loaded');
  });
});
