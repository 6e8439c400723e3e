import base, { ignoring, LONG, matching, SERVERS } from '../jest.config.js';

/** `npm run test:servers`, the second part of `npm test`: specs with real servers, one after the other. */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 1,
  // A server that a failed test has left must not keep the run for ever. What the kit leaves behind is looked for in
  // processes of their own.
  forceExit: true,
  testMatch: matching(SERVERS),
  testPathIgnorePatterns: ignoring(LONG),
};
