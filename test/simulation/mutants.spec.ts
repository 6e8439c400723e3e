import { describe, expect, it } from '@jest/globals';
import { MUTANTS } from './mutants.js';
import { simulate } from './simulate.js';

/* A simulation that finds nothing proves nothing: it must find each design that is broken on purpose. */

const SEEDS_PER_MUTANT = 16_000;
const TIMEOUT_MS = 5 * 60_000;

describe('the simulation', () => {
  it.each(MUTANTS.map(({ name }) => name))(
    'finds out a design that %s',
    async (name) => {
      const { summary } = await simulate(['--mutant', name, '--count', String(SEEDS_PER_MUTANT), '--until-caught']);

      expect(summary.violating).toHaveLength(1);
    },
    TIMEOUT_MS,
  );
});
