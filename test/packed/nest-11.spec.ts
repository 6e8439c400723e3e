import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { answersOf, edit, generatedApplication, ONE_CACHE, runTool } from './application.js';

/** Sets compiler options, and removes options whose value is `undefined`. */
function compileWith(home: string, options: Record<string, unknown>): void {
  edit(join(home, 'tsconfig.json'), (text) => {
    const config = JSON.parse(text) as { compilerOptions: object };
    return JSON.stringify({ ...config, compilerOptions: { ...config.compilerOptions, ...options } });
  });
}

describe('an application of `nest new` of Nest 11', () => {
  let home: string;

  beforeAll(() => {
    home = generatedApplication('11', 'untouched');
  });

  it('builds and runs as it was made', async () => {
    await runTool(home, 'nest', ['build']);

    expect(await answersOf(home, 'dist/main')).toEqual(ONE_CACHE);
  });

  it('passes its unit tests, and those of its cache, as it was made', async () => {
    expect(await runTool(home, 'jest')).toMatch(/Tests: +7 passed, 7 total/);
  });

  it('passes its e2e tests, and those of its cache, as it was made', async () => {
    expect(await runTool(home, 'jest', ['--config', './test/jest-e2e.json'])).toMatch(/Tests: +3 passed, 3 total/);
  });
});

describe('an application with Nest 11', () => {
  it.each([
    { name: 'node16', options: { module: 'node16', moduleResolution: 'node16' } },
    {
      name: 'node10',
      options: { module: 'commonjs', moduleResolution: 'node10', resolvePackageJsonExports: undefined },
    },
    {
      name: 'commonjs, and no resolution named',
      options: { module: 'commonjs', moduleResolution: undefined, resolvePackageJsonExports: undefined },
    },
  ])('builds with tsc and runs with module resolution $name', async ({ name, options }) => {
    const home = generatedApplication('11', name.replaceAll(/\W+/g, '-'));
    compileWith(home, options);

    await runTool(home, 'nest', ['build']);

    expect(await answersOf(home, 'dist/main')).toEqual(ONE_CACHE);
  });

  it.each(['swc', 'webpack'])('builds with %s and runs', async (builder) => {
    const home = generatedApplication('11', builder);

    await runTool(home, 'nest', ['build', '--builder', builder]);

    expect(await answersOf(home, 'dist/main')).toEqual(ONE_CACHE);
  });
});
