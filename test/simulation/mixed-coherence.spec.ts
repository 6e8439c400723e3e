import { describe, expect, it, jest } from '@jest/globals';
import type { CoherenceWire } from '../../src/adapters/redis/connection/coherence-wire.port.js';
import type { Command, Reply } from '../../src/adapters/redis/connection/command.js';
import { isFoundOut, playSeeds } from './near-runs.js';
import { MAX_STALENESS_MS, MIXED, type Mutant } from './near-world.js';

/**
 * Bounded staleness when the processes of one cache use different coherence modes (fault 23). Each seed gives the same
 * run every time.
 */

jest.setTimeout(240_000);

const SEEDS = 40;

/**
 * Sets an argument of every beat to 0 on its way to the server. The third argument says that a process listens on the
 * bus, the fourth that a process cannot publish.
 */
function clearBeatArgument(wire: CoherenceWire, position: number): void {
  const run = wire.run.bind(wire);
  wire.run = (commands) =>
    run(
      commands.map((command): Command => ({
        ...command,
        args: command.args.map((arg, i) => (i === position ? 0 : arg)),
      })),
    );
}

const MUTANTS: Record<string, Mutant> = {
  'publishes nothing in other modes than the bus': ({ wire }) => {
    const announce = wire.announceChanges.bind(wire);
    wire.announceChanges = (prefix, silence) =>
      announce(prefix, { isAllowed: () => true, demand: (error) => silence.demand(error) });
  },
  'listens on the bus without announcing it': ({ wire }) => {
    const run = wire.run.bind(wire);
    clearBeatArgument(wire, 2);
    const runSilently = wire.run;
    wire.run = async (commands) => {
      if (commands[0]?.args[2] !== 1) return run(commands);
      return (await runSilently(commands)).map(
        (reply) => (Array.isArray(reply) ? [reply[0], Buffer.from('bus'), reply[2]] : reply) as Reply,
      );
    };
  },
  'leaves changes unpublished too long after a beat': ({ wire }) => {
    const announce = wire.announceChanges.bind(wire);
    let left = 0;
    wire.announceChanges = (prefix, silence) => {
      const isAllowed = (): boolean => {
        left = silence.isAllowed() ? 200 : left - 1;
        return left > 0;
      };
      announce(prefix, { isAllowed, demand: (error) => silence.demand(error) });
    };
  },
  'does not announce that it cannot publish': ({ wire }) => clearBeatArgument(wire, 3),
};

describe('near copies of processes in different coherence modes', () => {
  it(`are never older than the bound (${SEEDS} seeds) (fault 23)`, async () => {
    const { broken, nearShare, oldestMs } = await playSeeds(SEEDS, MIXED);

    expect(broken).toEqual([]);
    expect(nearShare).toBeGreaterThan(0.3);
    expect(oldestMs).toBeGreaterThan(0.5 * MAX_STALENESS_MS);
  });

  it.each(Object.entries(MUTANTS))('are found out when the design %s (fault 23)', async (_, mutant) => {
    const found = await isFoundOut(mutant, SEEDS, MIXED);

    expect(found).toBe(true);
  });
});
