import base, { TIMED } from '../jest.config.js';

/** The second run of `npm test`: the specs that look at the clock, one after the other. */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 1,
  testMatch: TIMED.map((path) => (path.endsWith('/') ? `${path}**/*.spec.ts` : path)),
};
