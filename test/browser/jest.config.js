import base, { matching } from '../../jest.config.js';

/** `npm run test:browser`: the dashboard in a real Chromium. */
export default {
  ...base,
  rootDir: '../..',
  maxWorkers: 1,
  testTimeout: 60_000,
  testMatch: matching(['test/browser/']),
};
