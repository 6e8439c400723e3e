import { describe, expect, it } from '@jest/globals';
import { nodeOf } from '../../../test/support/policy-cache.js';
import { Lru } from './eviction/lru.js';
import { MemoryStore } from './memory-store.js';

const storeOf = (maxEntries = 100, maxBytes = 1e6): MemoryStore => new MemoryStore({ maxEntries, maxBytes }, new Lru());

describe('MemoryStore', () => {
  it('leaves nothing in any index when the last node of a tag and of a namespace has left', () => {
    const store = storeOf(3);
    for (let i = 0; i < 10; i++) store.put(nodeOf(`k${i}`, { tags: [`t${i}`, 'all', `t${i}`] }, `n${i}`));
    expect(store.indexed).toEqual({ tags: 4, namespaces: 3 });
    store.put(nodeOf('k9', { tags: ['new'] }, 'n9'));
    expect(store.indexed).toEqual({ tags: 4, namespaces: 3 });

    for (const key of [7, 8, 9]) store.remove(store.find(`k${key}`, `n${key}`)!);

    expect(store.indexed).toEqual({ tags: 0, namespaces: 0 });
    expect([store.bytes, store.needsSweep, store.slots.length]).toEqual([0, false, 0]);
  });

  it('needs a sweep only while a node is in it that is not kept for ever', () => {
    const store = storeOf();
    store.put(nodeOf('a'));
    store.put(nodeOf('b', { staleMs: 5 }));
    expect(store.needsSweep).toBe(false);

    store.expire(store.find('a', undefined)!, 1_000);
    expect([store.needsSweep, store.findLive('a', undefined, 1_000)]).toEqual([true, undefined]);
    expect([store.removeCondemned(), store.needsSweep]).toEqual([true, false]);
    store.expire(store.find('b', undefined)!, 1_000);
    expect([store.needsSweep, store.find('b', undefined)?.staleUntilMs]).toEqual([true, 1_005]);
    store.put(nodeOf('b'));

    expect(store.needsSweep).toBe(false);
  });

  it('shows no condemned node, and makes room by it before it drops another', () => {
    const store = storeOf(3);
    for (const key of 'abc') store.put(nodeOf(key));
    store.condemn(store.find('b', undefined)!.slot);
    store.condemn(store.find('c', undefined)!.slot);
    expect([store.findLive('a', undefined, 0)?.key, store.findLive('b', undefined, 0), store.needsSweep]).toEqual([
      'a',
      undefined,
      true,
    ]);

    const renewed = nodeOf('b');
    store.put(renewed);
    store.put(nodeOf('d'));
    expect(store.takeEvicted()).toEqual([]);
    expect(['a', 'b', 'c', 'd'].map((key) => store.findLive(key, undefined, 0)?.key)).toEqual([
      'a',
      'b',
      undefined,
      'd',
    ]);
    store.put(nodeOf('e'));

    expect(store.takeEvicted().map(({ key }) => key)).toEqual(['a']);
    expect([store.removeCondemned(), store.needsSweep]).toEqual([false, false]);
  });

  it('makes room by bytes, never by the node that needs it', () => {
    const { sizeBytes } = nodeOf('a');
    const store = storeOf(100, 3 * sizeBytes);
    for (const key of 'abcd') store.put(nodeOf(key));
    expect(store.takeEvicted().map(({ key }) => key)).toEqual(['a']);

    const large = nodeOf('d', { tags: ['x'.repeat(sizeBytes)] });
    expect(large.sizeBytes).toBeGreaterThan(2 * sizeBytes);
    store.put(large);

    expect(store.takeEvicted().map(({ key }) => key)).toEqual(['b', 'c']);
    expect(store.find('d', undefined)).toBe(large);
    expect(store.bytes).toBe(large.sizeBytes);
  });

  it('changes nothing for a node that is larger than the whole store', () => {
    const store = storeOf(100, 500);
    const small = nodeOf('k');
    store.put(small);

    expect(store.put(nodeOf('k', { tags: ['x'.repeat(500)] }))).toBe(false);

    expect(store.find('k', undefined)).toBe(small);
  });
});
