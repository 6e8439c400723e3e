import { describe, expect, it } from '@jest/globals';
import { readReport, writeReport } from './process-report.js';
import { EMPTY_STATS, reportWith } from './report.fixture.js';

describe('a report', () => {
  it('is read as it was written', () => {
    const report = reportWith({ totalHits: 3, coherence: { mode: 'bus', reason: 'r', isProven: false } }, [1, 20, 300]);

    expect(readReport(writeReport(report))).toMatchObject(report);
  });

  const good = JSON.parse(writeReport(reportWith({}, [1]))) as Record<string, unknown>;
  it.each<[string, string]>([
    ['no JSON', 'half of a rep'],
    ['nothing', ''],
    ['null', 'null'],
    ['of another format', JSON.stringify({ ...good, format: 2 })],
    ['without statistics', JSON.stringify({ ...good, stats: null })],
    ['with a text for a number', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, totalHits: '3' } })],
    ['with a count below 0', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, sets: -1 } })],
    ['with a start that is no time', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, since: 'soon' } })],
    ['with an unknown status', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, status: 'fine' } })],
    ['with a row without its name', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, hotKeys: [{ hits: 1 }] } })],
    ['without a list that this version has', JSON.stringify({ ...good, stats: { ...EMPTY_STATS, routes: undefined } })],
    ['with a bucket that does not exist', JSON.stringify({ ...good, latencies: { loads: [[160, 1]], reads: [] } })],
  ])('that is %s is left out', (_, text) => {
    expect(readReport(text)).toBeUndefined();
  });

  it('has at most 65,536 characters, with the most used rows', () => {
    const namespaces = Array.from({ length: 256 }, (_, i) => ({
      namespace: `${i} ${'n'.repeat(1_000)}`,
      hits: i,
      misses: 0,
      hitRate: 1,
    }));

    const text = writeReport(reportWith({ namespaces }));

    expect(text.length).toBeLessThanOrEqual(65_536);
    const rows = readReport(text)?.stats.namespaces.map(({ hits }) => hits) ?? [];
    expect(rows.length).toBeGreaterThan(20);
    expect(rows).toEqual(Array.from({ length: rows.length }, (_, i) => 255 - i));
  });
});
