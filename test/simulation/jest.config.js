import base, { ignoring } from '../../jest.config.js';

/** `npm run test:simulation`, the last part of `npm test`: a few thousand seeds, on all cores. */
export default {
  ...base,
  rootDir: '../..',
  testMatch: ['<rootDir>/test/simulation/simulation.spec.ts'],
  testPathIgnorePatterns: ignoring([]),
};
