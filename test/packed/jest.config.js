import base from '../../jest.config.js';

// Slow, and needs the npm registry: `npm run test:packed`, apart from `npm test`.
/** @type {import('jest').Config} */
export default {
  ...base,
  rootDir: '../..',
  globalSetup: '<rootDir>/test/packed/workspace.mjs',
  globalTeardown: '<rootDir>/test/packed/workspace-teardown.mjs',
  testMatch: ['<rootDir>/test/packed/*.spec.ts'],
  testPathIgnorePatterns: ['/node_modules/'],
  testTimeout: 180_000,
};
