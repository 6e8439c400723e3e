import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { answersOf, edit, generatedApplication, ONE_CACHE, runTool } from './application.js';

describe('an application of `nest new` of Nest 12', () => {
  let home: string;

  beforeAll(() => {
    home = generatedApplication('12', 'untouched');
  });

  it('builds and runs as it was made', async () => {
    await runTool(home, 'nest', ['build']);

    expect(await answersOf(home, 'dist/main.js')).toEqual(ONE_CACHE);
  });

  it('passes its unit tests, and those of its cache, as it was made', async () => {
    expect(await runTool(home, 'vitest', ['run'], { NO_COLOR: '1' })).toMatch(/Tests +7 passed \(7\)/);
  });

  it('passes its e2e tests, and those of its cache, as it was made', async () => {
    expect(await runTool(home, 'vitest', ['run', '--config', './vitest.config.e2e.ts'], { NO_COLOR: '1' })).toMatch(
      /Tests +3 passed \(3\)/,
    );
  });
});

describe('an application with Nest 12', () => {
  it('builds with SWC and runs', async () => {
    const home = generatedApplication('12', 'swc');

    await runTool(home, 'nest', ['build', '--builder', 'swc']);

    expect(await answersOf(home, 'dist/main.js')).toEqual(ONE_CACHE);
  });

  // The library then has another copy of Nest and of the kit than the tests.
  it('has one cache when Vitest inlines every package', async () => {
    const home = generatedApplication('12', 'inlined');
    edit(join(home, 'vitest.config.e2e.ts'), (text) =>
      text.replace('globals: true,', 'globals: true, server: { deps: { inline: true } },'),
    );

    expect(await runTool(home, 'vitest', ['run', '--config', './vitest.config.e2e.ts'], { NO_COLOR: '1' })).toMatch(
      /Tests +3 passed \(3\)/,
    );
  });

  // Without the CommonJS library, because Jest cannot `require` Nest 12.
  it('passes its tests with Jest in ES mode', async () => {
    const home = generatedApplication('12', 'jest', { withLibrary: false });
    edit(join(home, 'test/prices.e2e-spec.ts'), (text) => text.replace("it('are seen", "it.skip('are seen"));
    writeFileSync(join(home, 'jest.config.json'), JSON.stringify(JEST));

    const printed = await runTool(home, 'jest', [], { NODE_OPTIONS: '--experimental-vm-modules' });

    expect(printed).toMatch(/Tests: +1 skipped, 9 passed, 10 total/);
  });
});

const JEST = {
  testRegex: 'spec\\.ts$',
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true },
        },
        module: { type: 'es6' },
      },
    ],
  },
};
