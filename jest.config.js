/**
 * The directories and specs that use real servers by a real clock: what others take of the machine meanwhile would
 * count as theirs. `npm test` runs these after all others, one after the other.
 */
export const TIMED = [
  '<rootDir>/test/redis/',
  '<rootDir>/test/chaos/',
  '<rootDir>/test/contract/redis.spec.ts',
  '<rootDir>/test/contract/hybrid.spec.ts',
  '<rootDir>/test/simulation/simulated-redis.spec.ts',
];

/**
 * `npm run jest -- <path>` runs any spec with this. `npm test` divides them between test/untimed.jest.config.js and
 * test/timed.jest.config.js.
 *
 * @type {import('jest').Config}
 */
export default {
  // Whatever would end a process of its own fails the suite: test/architecture/unhandled-rejections.spec.ts.
  testEnvironment: `${import.meta.dirname}/test/support/strict-environment.mjs`,
  waitForUnhandledRejections: true,
  // Many of the tests wait for servers and clocks: all cores are worth using, also where there are but two.
  maxWorkers: '100%',
  // A machine that is busy with something else is slow, and a test that hangs is found out all the same.
  testTimeout: 30_000,
  extensionsToTreatAsEsm: ['.ts'],
  testMatch: ['<rootDir>/src/**/*.spec.ts', '<rootDir>/test/**/*.spec.ts'],
  // The packed suite installs from the registry, which takes its time: `npm run test:packed`.
  // The simulation wants the machine for itself: `npm run test:simulation`.
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/test/packed/', '<rootDir>/test/simulation/simulation.spec.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.tmp', '<rootDir>/sample-app/dist'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2022',
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
          keepClassNames: true,
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  // Sources name their neighbours as they will be called once compiled.
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
};
