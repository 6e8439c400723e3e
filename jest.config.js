/** Specs with real servers that take seconds: `npm run test:servers` runs them two at a time. */
export const SERVERS = [
  'test/redis/',
  'test/contract/redis.spec.ts',
  'test/simulation/simulated-redis.spec.ts',
  'test/integrations/drizzle/redis.spec.ts',
  'test/cli/',
  'test/integrations/typeorm/redis.spec.ts',
];

/**
 * Specs in which servers fail, processes are killed or the real time is judged, and the long runs of the simulation:
 * minutes each, and nothing may run beside them. `npm run test:long` runs them one after the other.
 */
export const LONG = [
  'test/redis/long/',
  'test/contract/hybrid.spec.ts',
  'test/chaos/chaos.spec.ts',
  'test/simulation/mixed-coherence.spec.ts',
  'test/simulation/mutants.spec.ts',
  'test/simulation/simulation.spec.ts',
];

/** @param {string[]} paths folders, which end with a slash, and specs */
export function matching(paths) {
  return paths.map((path) => `<rootDir>/${path.endsWith('/') ? `${path}**/*.spec.ts` : path}`);
}

/** @param {string[]} paths folders and specs, as regular expressions */
export function ignoring(paths) {
  return ['/node_modules/', ...paths.map((path) => `<rootDir>/${path}`)];
}

/**
 * `npm run jest -- <path>` runs any spec with this. Each command of CONTRIBUTING.md has its own file beside the tests.
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
  testPathIgnorePatterns: ignoring(['test/packed/']),
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
