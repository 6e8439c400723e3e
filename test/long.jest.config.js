import base, { ignoring, LONG, matching } from '../jest.config.js';

process.env.SIMULATION_SEEDS ??= '100000';
process.env.FRESHNESS_SEEDS ??= '400';
process.env.KILL_ROUNDS ??= '30';

/** `npm run test:long`: what takes minutes, one after the other. */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 1,
  // A server that a failed test has left must not keep the run for ever. What the kit leaves behind is looked for in
  // processes of their own.
  forceExit: true,
  testMatch: matching([...LONG, 'src/core/load/freshness.spec.ts', 'test/file/killed.spec.ts']),
  testPathIgnorePatterns: ignoring([]),
};
