import base, { TIMED } from '../jest.config.js';

/** The second run of `npm test`: the specs that look at the clock, one after the other. */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 1,
  // A server that a failed test has left must not keep the run for ever. What the kit leaves behind is looked for in
  // processes of their own.
  forceExit: true,
  testMatch: TIMED.map((path) => (path.endsWith('/') ? `${path}**/*.spec.ts` : path)),
};
