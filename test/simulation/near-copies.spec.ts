import { describe, expect, it, jest } from '@jest/globals';
import type { NearGrant } from '../../src/core/ports/near-tier.port.js';
import { isFoundOut, playSeeds } from './near-runs.js';
import { MAX_STALENESS_MS, type Mutant } from './near-world.js';

/** Bounded staleness: the real adapters on a simulated network with faults. Each seed gives the same run every time. */

jest.setTimeout(120_000);

const SEEDS = 60;

/** Designs that look right but are wrong. Each must be found within `SEEDS` seeds. */
const MUTANTS: Record<string, Mutant> = {
  'serves copies without a proof': ({ coherence }) =>
    Object.defineProperty(coherence, 'provenUntilMs', { get: () => Infinity, set: () => undefined }),
  'keeps copies when a connection is lost': ({ coherence }) => {
    const listen = coherence.listen.bind(coherence);
    coherence.listen = ({ onChange }) =>
      listen({ onChange: (target) => (target.kind === 'all' ? undefined : onChange(target)) });
  },
  'makes copies of answers that a change has overtaken': ({ near }) => {
    const begin = near.begin.bind(near);
    near.begin = (...args) => {
      const grant = begin(...args);
      const [, namespace] = args;
      const commit: NearGrant['commit'] = (copies) => {
        near.set(copies, namespace);
        return copies.map(({ key }) => near.get(key, namespace));
      };
      return Object.assign(Object.create(grant) as typeof grant, { commit, release: () => grant.release() });
    };
  },
};

describe('near copies', () => {
  it(`are never older than the bound, or than a change of their own process (${SEEDS} seeds)`, async () => {
    const { broken, nearShare, oldestMs } = await playSeeds(SEEDS);

    expect(broken).toEqual([]);
    // The faults must be strong enough to have an effect.
    expect(nearShare).toBeGreaterThan(0.3);
    expect(oldestMs).toBeGreaterThan(0.5 * MAX_STALENESS_MS);
  });

  it.each(Object.entries(MUTANTS))('are found out when the design %s', async (_, mutant) => {
    const found = await isFoundOut(mutant, SEEDS);

    expect(found).toBe(true);
  });
});
