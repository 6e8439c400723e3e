import { describe, expect, it } from '@jest/globals';
import { nodeOf } from '../../../../test/support/policy-cache.js';
import { TagIndex } from './tag-index.js';

function indexOf(...nodes: readonly (readonly string[])[]): { index: TagIndex; remove: (slot: number) => void } {
  const index = new TagIndex();
  const added = nodes.map((tags, slot) => Object.assign(nodeOf(String(slot), { tags }), { slot }));
  for (const node of added) index.add(node);
  return { index, remove: (slot) => index.remove(added[slot]!) };
}

describe('TagIndex', () => {
  it('finds the slots that carry any of some tags, each once', () => {
    const { index } = indexOf(['a'], ['a', 'b'], ['b', 'c'], []);

    expect([...index.any(['a'])]).toEqual([0, 1]);
    expect([...index.any(['a', 'b', 'a', 'none'])].sort()).toEqual([0, 1, 2]);
    expect([...index.any(['c'])]).toEqual([2]);
    expect([...index.any([])]).toEqual([]);
  });

  it('finds the slots that carry all of some tags', () => {
    const { index } = indexOf(['a'], ['a', 'b'], ['b', 'c'], ['a', 'b', 'c']);

    expect([...index.all(['a', 'b'])]).toEqual([1, 3]);
    expect([...index.all(['c', 'a', 'b'])]).toEqual([3]);
    expect([...index.all(['a', 'none'])]).toEqual([]);
    expect([...index.all([])]).toEqual([]);
  });

  it('forgets a tag with its last slot, whether it ever had several or one', () => {
    const { index, remove } = indexOf(['one'], ['two'], ['two']);

    remove(1);
    expect([...index.any(['two'])]).toEqual([2]);
    remove(2);
    remove(0);

    expect(index.size).toBe(0);
  });
});
