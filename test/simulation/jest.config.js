import base from '../../jest.config.js';

/** The simulation takes every core for some minutes, and nothing that looks at a clock should run beside it. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/simulation/simulation.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
};
