import base, { ignoring, LONG, matching, SERVERS } from '../jest.config.js';

/** `npm run test:servers`, the second part of `npm test`: quick specs with real servers. They mostly wait. */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 2,
  // A server that a failed test has left must not keep the run for ever. What the kit leaves behind is looked for in
  // processes of their own.
  forceExit: true,
  testMatch: matching(SERVERS),
  testPathIgnorePatterns: ignoring(LONG),
};
