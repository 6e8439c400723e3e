import { describe, expect, it, jest } from '@jest/globals';
import type { NearGrant } from '../../src/core/ports/near-tier.port.js';
import { MAX_STALENESS_MS, type Mutant, simulate, type Verdict } from './near-world.js';

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

function isBroken({ oldestOwnMs, oldestOthersMs, staleAtEnd }: Verdict): boolean {
  return oldestOwnMs > 0 || oldestOthersMs > MAX_STALENESS_MS || staleAtEnd > 0;
}

describe('near copies', () => {
  it(`are never older than the bound, or than a change of their own process (${SEEDS} seeds)`, async () => {
    let nearHits = 0;
    let reads = 0;
    let oldestMs = 0;
    for (let seed = 1; seed <= SEEDS; seed++) {
      const verdict = await simulate(seed);
      expect([seed, verdict.oldestOwnMs, verdict.staleAtEnd]).toEqual([seed, 0, 0]);
      expect([seed, Math.max(verdict.oldestOthersMs, MAX_STALENESS_MS)]).toEqual([seed, MAX_STALENESS_MS]);
      nearHits += verdict.nearHits;
      reads += verdict.reads;
      oldestMs = Math.max(oldestMs, verdict.oldestOthersMs);
    }

    console.info(
      `${reads} reads, ${Math.round((100 * nearHits) / reads)} % of them near; ` +
        `the oldest answer was ${Math.round(oldestMs)} ms old, of ${MAX_STALENESS_MS} allowed`,
    );
    // The faults must be strong enough to have an effect.
    expect(nearHits / reads).toBeGreaterThan(0.3);
    expect(oldestMs).toBeGreaterThan(0.5 * MAX_STALENESS_MS);
  });

  it.each(Object.entries(MUTANTS))('are found out when the design %s', async (_, mutant) => {
    let found = false;
    for (let seed = 1; seed <= SEEDS && !found; seed++) found = isBroken(await simulate(seed, mutant));

    expect(found).toBe(true);
  });
});
