import { describe, expect, it } from '@jest/globals';
import { LoadRegistry, MAX_OPEN_LOADS, type OpenLoad } from './load-registry.js';

const LOAD = { purpose: 'load', tags: [] } as const;

function open(loads: LoadRegistry, key: string): OpenLoad {
  return loads.open([key], undefined, LOAD)[0] as OpenLoad;
}

describe('LoadRegistry', () => {
  it('lets the load that began last win, whichever ends first', () => {
    const loads = new LoadRegistry();
    const [a, b, c] = [open(loads, 'k'), open(loads, 'k'), open(loads, 'k')];

    expect([loads.finish(b, []), loads.finish(a, []), loads.finish(c, [])]).toEqual([true, false, true]);
    expect(loads.size).toBe(0);
  });

  it('spares a load that carries only some of the tags of a conjunction', () => {
    const loads = new LoadRegistry();
    const load = open(loads, 'k');
    loads.voidTags(['a', 'b'], 'all');

    expect(loads.finish(load, ['a', 'c'])).toBe(true);
  });

  it('spares a load whose key does not match', () => {
    const loads = new LoadRegistry();
    const [a, b] = [open(loads, 'a'), open(loads, 'b')];

    loads.voidWhere(({ key }) => key === 'a');

    expect([a.isOpen, b.isOpen, loads.size]).toEqual([false, true, 1]);
  });

  it('keeps no journal while no load is open', () => {
    const loads = new LoadRegistry();
    loads.voidTags(['a'], 'any');
    expect(loads.journalSize).toBe(0);
    const load = open(loads, 'k');
    loads.voidTags(['a'], 'any');
    expect(loads.journalSize).toBe(1);

    loads.close(load);

    expect(loads.journalSize).toBe(0);
  });

  it('pushes out the oldest loads when too many are never ended', () => {
    const loads = new LoadRegistry();
    const abandoned = open(loads, 'abandoned');
    for (let i = 0; i < MAX_OPEN_LOADS; i++) open(loads, `k${i}`);

    expect(loads.size).toBe(MAX_OPEN_LOADS);
    expect(loads.finish(abandoned, [])).toBe(false);
    expect(loads.finish(open(loads, 'abandoned'), [])).toBe(true);
  });

  it('keeps all loads of one beginning, however many', () => {
    const loads = new LoadRegistry();
    const keys = Array.from({ length: MAX_OPEN_LOADS + 10 }, (_, i) => `k${i}`);

    const opened = loads.open(keys, undefined, LOAD);

    expect(opened.every(({ isOpen }) => isOpen)).toBe(true);
  });
});
