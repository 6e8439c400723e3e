import { describe, expect, it } from '@jest/globals';
import { type Batch, Checker, QUIET_AFTER_MS, type Verdict } from './checker.js';

type Read = readonly [startMs: number, version: number];
type Ack = readonly [atMs: number, version: number, isSent?: boolean];

const KEY = 7;
const WRITER = 0;
const READER = 1;

function batch(untilMs: number, reads: readonly Read[], acks: readonly Ack[] = []): Batch {
  return {
    untilUs: untilMs * 1_000,
    reads: {
      keys: Uint16Array.from(reads, () => KEY),
      startsUs: Float64Array.from(reads, ([startMs]) => startMs * 1_000),
      versions: Uint32Array.from(reads, ([, version]) => version),
    },
    acks: {
      keys: Uint16Array.from(acks, () => KEY),
      atUs: Float64Array.from(acks, ([atMs]) => atMs * 1_000),
      versions: Uint32Array.from(acks, ([, version]) => version),
      areSent: Uint8Array.from(acks, ([, , isSent = true]) => Number(isSent)),
    },
  };
}

/** Judges these reads of the process `by`, with all acknowledgements known. */
function verdictOf(
  acks: readonly Ack[],
  reads: readonly Read[],
  { by = READER, calmMs = Infinity }: { by?: number; calmMs?: number } = {},
): Verdict {
  const checker = new Checker(2);
  checker.calm(calmMs * 1_000);
  checker.add(WRITER, batch(0, [], acks));
  checker.add(by, batch(0, reads));
  return checker.finish();
}

describe('the checker', () => {
  const ACKS: readonly Ack[] = [
    [100, 1],
    [200, 2],
    [300, 4],
  ];

  it.each([
    ['before the first acknowledgement', [99, 0], 0, 0],
    ['at the moment of the acknowledgement', [100, 0], 0, 0],
    ['after an acknowledgement, and shows an older version', [150, 0], 1, 50],
    ['after an acknowledgement, and shows its version', [199, 1], 0, 0],
    ['after two acknowledgements, and shows the first version', [250, 1], 1, 50],
    ['after three acknowledgements, and shows none: the oldest counts', [350, 0], 1, 250],
    ['after an acknowledgement, and shows a newer version', [150, 3], 0, 0],
    ['after two versions were acknowledged together, and shows the first', [301, 3], 1, 1],
  ] as const)('judges a read that began %s', (_, read, stale, maxAgeMs) => {
    expect(verdictOf(ACKS, [read]).others).toMatchObject({ stale, maxAgeMs });
  });

  it('counts reads of own writes separately, and reports readers and writers', () => {
    const verdict = verdictOf(
      ACKS,
      [
        [150, 0],
        [250, 0],
      ],
      { by: WRITER },
    );

    expect([verdict.own.stale, verdict.others.stale, verdict.pairs]).toEqual([
      2,
      0,
      [
        [2, 0],
        [0, 0],
      ],
    ]);
    expect(verdict.own.worst).toBe('7: process 0 read 0, 150.0 ms after process 0 had acknowledged 1');
  });

  it('applies an unsent acknowledgement to its own process only', () => {
    const acks: readonly Ack[] = [
      [100, 1, false],
      [200, 2],
    ];

    expect(verdictOf(acks, [[150, 0]], { by: WRITER }).own.stale).toBe(1);
    expect(verdictOf(acks, [[150, 0]]).others.stale).toBe(0);
    expect(verdictOf(acks, [[250, 0]]).others).toMatchObject({ stale: 1, maxAgeMs: 50 });
    expect(verdictOf(acks, []).unsent).toBe(1);
  });

  it('applies an unsent acknowledgement to all processes long after the last fault', () => {
    const acks: readonly Ack[] = [[100, 1, false]];
    const quietMs = 100 + QUIET_AFTER_MS;

    expect(verdictOf(acks, [[quietMs - 1, 0]], { calmMs: 100 }).others.stale).toBe(0);
    expect(verdictOf(acks, [[quietMs + 1, 0]], { calmMs: 100 }).late).toMatchObject({
      stale: 1,
      maxAgeMs: QUIET_AFTER_MS + 1,
    });
    expect(verdictOf(acks, [[quietMs + 1, 1]], { calmMs: 100 }).late.stale).toBe(0);
  });

  it('judges a read only when all earlier acknowledgements are known', () => {
    const checker = new Checker(2);

    checker.add(READER, batch(160, [[150, 0]]));
    checker.add(WRITER, batch(120, []));
    checker.add(WRITER, batch(200, [], [[130, 1]]));

    expect(checker.finish().others).toMatchObject({ stale: 1, maxAgeMs: 20 });
  });

  it('reports the age that one read in a hundred exceeds', () => {
    const reads = Array.from({ length: 200 }, (_, i): Read => [101 + i, 0]);

    expect(verdictOf([[100, 1]], reads).others).toMatchObject({ stale: 200, p99AgeMs: 199, maxAgeMs: 200 });
  });

  it('reports the 99th percentile of the lag, with acknowledgements that are seen at once', () => {
    const acks = Array.from({ length: 100 }, (_, i): Ack => [100 * (i + 1), i + 1]);

    expect(
      verdictOf(acks, [
        [130, 0],
        [150, 0],
      ]).lagP99Ms,
    ).toBe(0);
    expect(
      verdictOf(acks, [
        [130, 0],
        [150, 0],
        [220, 1],
      ]).lagP99Ms,
    ).toBe(20);
  });

  it('refuses keys that two processes write', () => {
    const checker = new Checker(2);
    checker.add(WRITER, batch(0, [], [[1, 1]]));

    expect(() => checker.add(READER, batch(0, [], [[2, 2]]))).toThrow('two writers');
  });
});
