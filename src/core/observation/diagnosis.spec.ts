import { describe, expect, it } from '@jest/globals';
import type { AdapterUsage, TierUsage } from '../ports/cache-adapter.port.js';
import { type CacheStats, StatsRecorder } from './cache-stats.js';
import { diagnose, type Symptoms } from './diagnosis.js';
import type { UsageCounts } from './usage.js';
import { WriteLedger } from './write-ledger.js';

const USAGE: AdapterUsage = {
  entries: 0,
  bytes: 0,
  evictions: 0,
  oldestMs: null,
  newestMs: null,
  status: 'up',
  tiers: [],
};

function symptoms(stats: Partial<CacheStats> = {}, others: Partial<Symptoms> = {}): Symptoms {
  const cache = { name: 'default', backend: 'memory', since: new Date(0), wallMs: 0 };
  const quiet = new StatsRecorder().report(cache, USAGE);
  return { stats: { ...quiet, ...stats }, writes: new WriteLedger(), isShared: false, ...others };
}

function counts(hits: number, misses: number, savedMs: number): UsageCounts {
  return {
    hits,
    misses,
    savedMs,
    staleHits: 0,
    hitRate: hits / (hits + misses),
    loads: misses,
    loadFailures: 0,
    savedTodayMs: 0,
  };
}

const tier = (name: TierUsage['name'], hits: number, misses: number): TierUsage => ({
  name,
  entries: 100,
  hits,
  misses,
  bytes: null,
});

function ledger(fill: (ledger: WriteLedger) => void): Partial<Symptoms> {
  const writes = new WriteLedger();
  fill(writes);
  return { writes };
}

const repeat = (times: number, act: (i: number) => void): void =>
  Array.from({ length: times }, (_, i) => i).forEach(act);
const latency = { getP50Ms: 1, getP99Ms: 2 };

describe('the doctor finds', () => {
  it.each<[string, Symptoms, string, RegExp]>([
    ['a store that is down', symptoms({ status: 'down', backend: 'redis' }), 'error', /\(redis\) cannot be reached/],
    [
      'a method that is never found in the cache',
      symptoms({ methods: [{ method: 'A.find', ...counts(0, 1_000, 0) }] }),
      'hint',
      /A\.find was read 1000 times, and no time from the cache/,
    ],
    [
      'a route whose hits save less than its reads cost',
      symptoms({ latency, routes: [{ route: 'GET /a', ...counts(900, 100, 450) }] }),
      'warning',
      /GET \/a is slower with the cache: its 900 hits have saved 450 ms, .* about 1000 ms/,
    ],
    [
      'a near tier that is too small',
      symptoms({ evictions: 5_000, tiers: [tier('memory', 1_000, 9_000), tier('redis', 8_900, 100)] }),
      'warning',
      /The near tier .* holds 100 entries, has answered 10 % .* evicted 5000 entries, and 99 % /,
    ],
    [
      'a tag that is invalidated and never stored',
      symptoms(
        {},
        ledger((writes) => repeat(10, (i) => writes.invalidated([`prodcut:${i}`], 'any', 0))),
      ),
      'warning',
      /The tag 'prodcut:…' was invalidated 10 times/,
    ],
    [
      'a tag that is stored and never invalidated',
      symptoms(
        {},
        ledger((writes) => {
          repeat(1_000, () => writes.stored('k', ['prices'], 1_000));
          writes.invalidated(['products'], 'any', 3);
        }),
      ),
      'hint',
      /1000 entries were stored with the tag 'prices', which nothing invalidates/,
    ],
    [
      'entries without an end',
      symptoms(
        {},
        ledger((writes) => repeat(1_000, (i) => writes.stored(`k${i}`, [], Infinity))),
      ),
      'hint',
      /1000 entries without tags were stored for ever, such as 'k999'/,
    ],
  ])('%s', (_, planted, level, problem) => {
    const findings = diagnose(planted);

    expect(findings).toEqual([{ level, problem: expect.stringMatching(problem), fix: expect.stringMatching(/\.$/) }]);
  });
});

describe('the doctor says nothing of', () => {
  it.each<[string, Symptoms]>([
    ['a cache that was not used', symptoms()],
    ['a store that answers late', symptoms({ status: 'degraded' })],
    ['few reads', symptoms({ latency, methods: [{ method: 'A.find', ...counts(0, 999, 0) }] })],
    ['a method that gains', symptoms({ latency, methods: [{ method: 'A.find', ...counts(500, 500, 1_000) }] })],
    [
      'a near tier that is only new',
      symptoms({ evictions: 999, tiers: [tier('memory', 1_000, 9_000), tier('redis', 8_900, 100)] }),
    ],
    [
      'a near tier before a far tier that has not much either',
      symptoms({ evictions: 5_000, tiers: [tier('memory', 1_000, 9_000), tier('redis', 5_000, 4_000)] }),
    ],
    [
      'copies that are read again because they were invalidated',
      symptoms({ evictions: 1_000, tiers: [tier('memory', 1_000, 9_000), tier('redis', 8_900, 100)] }),
    ],
    ['one tier that evicts', symptoms({ evictions: 5_000, tiers: [tier('memory', 1_000, 9_000)] })],
    [
      'a tag that another process has stored',
      symptoms(
        {},
        ledger((writes) => repeat(20, (i) => writes.invalidated(['products'], 'any', i === 3 ? 1 : 0))),
      ),
    ],
    [
      'a few invalidations',
      symptoms(
        {},
        ledger((writes) => repeat(9, () => writes.invalidated(['t'], 'any', 0))),
      ),
    ],
    [
      'tags where this process invalidates none',
      symptoms(
        {},
        ledger((writes) => repeat(5_000, () => writes.stored('k', ['t'], 1_000))),
      ),
    ],
    [
      'tags that another process may invalidate',
      symptoms(
        {},
        {
          isShared: true,
          ...ledger((writes) => {
            repeat(5_000, () => writes.stored('k', ['t'], 1_000));
            writes.invalidated(['other'], 'any', 1);
          }),
        },
      ),
    ],
    [
      'entries without an end that are deleted',
      symptoms(
        { deletes: 1 },
        ledger((writes) => repeat(1_000, () => writes.stored('k', [], Infinity))),
      ),
    ],
  ])('%s', (_, planted) => {
    expect(diagnose(planted)).toEqual([]);
  });
});
