import { measure } from '../lib/measure.js';
import { duration, percent } from '../lib/report.js';
import { hitCases } from './memory-hits.js';
import { effort } from './suite.js';

const SHOWN = ['floor', 'kit-none', 'kit-clone', 'async-cache-dedupe', 'cacheable', 'bentocache'];

/**
 * Hits in separate turns of the event loop. In a chain of awaited hits the event loop never turns, so work that a cache
 * does once per turn, such as reading the clock, hardly shows. In a server each request arrives in a turn of its own.
 * @type {import('./suite.js').Suite}
 */
export const memoryTurns = {
  name: 'memory-turns',
  hasTargets: false,
  async measure(run) {
    const cases = hitCases(run, ['turn', 'getInTurn']).filter(({ id }) => SHOWN.includes(id));
    const results = await measure(cases, effort(run), run.log);
    const rows = cases.map(({ id, label }) => {
      const [empty, full] = [results.of(id, 'turn'), results.of(id, 'getInTurn')];
      return [
        label,
        duration(empty.medianNs),
        duration(full.medianNs),
        duration(full.excessOver(empty)),
        percent(full.spread),
      ];
    });
    return {
      table: {
        title: 'One get hit in each turn of the event loop',
        columns: ['cache', 'empty turn', 'turn with a get', 'difference', 'spread'],
        rows,
      },
      targets: [],
      results,
    };
  },
};
