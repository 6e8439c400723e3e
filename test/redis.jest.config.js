import base from '../jest.config.js';

// `npm run test:redis`: the specs that talk to Redis, with the other ioredis than `npm test`; the contract of hybrid is
// left out, whose parts are here. REDIS_CLIENT_MAJOR=6 runs them with that of `npm test`.
const major = process.env.REDIS_CLIENT_MAJOR ?? '5';
if (!['5', '6'].includes(major)) throw new Error(`Expected REDIS_CLIENT_MAJOR to be 5 or 6, got ${major}.`);
process.env.REDIS_CLIENT_MAJOR = major;
if (major === '5') {
  const hooks = new URL('support/ioredis-5.mjs', import.meta.url);
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ''} --import=${hooks}`;
}

/** @type {import('jest').Config} */
export default {
  ...base,
  rootDir: '..',
  maxWorkers: 1,
  // A server that a failed test has left must not keep the run for ever. What the kit leaves behind is looked for in
  // processes of their own.
  forceExit: true,
  testMatch: ['redis/**/*', 'contract/redis', 'e2e/redis', 'e2e/hybrid', 'simulation/simulated-redis'].map(
    (path) => `<rootDir>/test/${path}.spec.ts`,
  ),
  moduleNameMapper: { ...base.moduleNameMapper, ...(major === '5' ? { '^ioredis$': 'ioredis-5' } : {}) },
};
