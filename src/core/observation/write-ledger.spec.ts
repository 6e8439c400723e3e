import { describe, expect, it } from '@jest/globals';
import { WriteLedger } from './write-ledger.js';

describe('WriteLedger', () => {
  it('counts the tags of one family together', () => {
    const ledger = new WriteLedger();
    ledger.stored('a', ['product:1', 'all'], 1_000);
    ledger.stored('b', ['product:2'], 1_000);
    ledger.invalidated(['product:1'], 'any', 1);
    ledger.invalidated(['brand:1'], 'any', 0);

    expect(ledger.families()).toEqual([
      { family: 'product:', stored: 2, invalidated: 1, hasRemoved: true },
      { family: 'all', stored: 1, invalidated: 0, hasRemoved: false },
      { family: 'brand:', stored: 0, invalidated: 1, hasRemoved: false },
    ]);
  });

  it('does not take an invalidation of all tags together for one of each', () => {
    const ledger = new WriteLedger();
    ledger.invalidated(['a', 'b'], 'all', 0);

    expect(ledger.families().map(({ hasRemoved }) => hasRemoved)).toEqual([true, true]);
  });

  it('leaves out the tags that the kit itself writes and invalidates', () => {
    const ledger = new WriteLedger();
    ledger.stored('a', ['url:http://shop.test/'], 1_000);
    ledger.invalidated(['table:orders'], 'any', 0);

    expect(ledger.families()).toEqual([]);
  });

  it('counts at most 1,000 families, and goes on to count those', () => {
    const ledger = new WriteLedger();
    for (let i = 0; i < 5_000; i++) ledger.stored('k', [`tag-${i}`], 1_000);
    ledger.stored('k', ['tag-0'], 1_000);

    expect(ledger.families()).toHaveLength(1_000);
    expect(ledger.families()[0]).toMatchObject({ family: 'tag-0', stored: 2 });
  });

  it('counts the entries that nothing ends', () => {
    const ledger = new WriteLedger();
    ledger.stored('tagged', ['t'], Infinity);
    ledger.stored('short', [], 1_000);
    ledger.stored('endless', [], Infinity);

    expect([ledger.endless, ledger.endlessKey]).toEqual([1, 'endless']);
  });
});
