import base, { ignoring, LONG, SERVERS } from '../jest.config.js';

/** `npm run test:parallel`, the first part of `npm test`: everything without servers, on all cores. */
export default {
  ...base,
  rootDir: '..',
  testPathIgnorePatterns: ignoring(['test/packed/', 'test/browser/', ...SERVERS, ...LONG]),
};
