import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nodeOf } from '../../../../test/support/policy-cache.js';
import type { MemoryNode } from './memory-node.js';
import { SlotTable } from './slot-table.js';

describe('SlotTable', () => {
  it('keeps each node in its slot, and gives its slot to its successor', () => {
    const slots = new SlotTable();
    const [a, b, anew] = [nodeOf('a'), nodeOf('b'), nodeOf('a')];
    slots.add(a);
    slots.add(b);

    slots.replace(a, anew);

    expect([a.slot, anew.slot, b.slot]).toEqual([-1, 0, 1]);
    expect([slots.at(0), slots.at(1), slots.size]).toEqual([anew, b, 2]);
  });

  it('holds what is in it, and no more slots than it ever needed, whatever comes and goes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(30), { maxLength: 300 }), (picks) => {
        const slots = new SlotTable();
        const held: MemoryNode[] = [];
        let most = 0;
        for (const pick of picks) {
          const leaving = held[pick];
          if (leaving !== undefined) slots.remove(held.splice(pick, 1)[0] as MemoryNode);
          else slots.add(held[held.push(nodeOf(String(pick))) - 1] as MemoryNode);
          most = Math.max(most, held.length);
        }

        expect(slots.size).toBe(held.length);
        expect(slots.length).toBeLessThanOrEqual(most);
        for (const node of held) expect(slots.at(node.slot)).toBe(node);
      }),
    );
  });

  it('sums up what is live, with the extremes of the times of creation', () => {
    const slots = new SlotTable();
    expect(slots.summary(0)).toEqual({ live: 0, condemned: 0, oldestMs: null, newestMs: null });
    for (const [createdAtMs, ttlMs] of [
      [50, 10],
      [40, Infinity],
      [70, 20],
      [60, Infinity],
    ] as const)
      slots.add(nodeOf('k', { createdAtMs, ttlMs }));

    expect(slots.summary(1_005)).toEqual({ live: 4, condemned: 0, oldestMs: 40, newestMs: 70 });
    slots.condemn(1);
    expect(slots.summary(1_020)).toEqual({ live: 1, condemned: 1, oldestMs: 60, newestMs: 60 });
  });

  it('grows beyond its first capacity and is empty again when all have left', () => {
    const slots = new SlotTable();
    const nodes = Array.from({ length: 1_000 }, (_, i) => nodeOf(`k${i}`, { ttlMs: i + 1 }));
    for (const node of nodes) slots.add(node);
    expect(slots.summary(1_500).live).toBe(500);

    for (const node of nodes) slots.remove(node);

    expect([slots.size, slots.length]).toEqual([0, 0]);
  });
});
