import base, { TIMED } from '../jest.config.js';

/** The first run of `npm test`: everything but the specs that look at the clock, on all cores. */
export default {
  ...base,
  rootDir: '..',
  testPathIgnorePatterns: [...base.testPathIgnorePatterns, ...TIMED],
};
