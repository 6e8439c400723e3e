import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/* docs/faults.md and the titles of tests name the same faults: `(fault 7)`, or `(fault 21, fault 30)`, at their end. */

const root = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Row {
  readonly faults: readonly number[];
  /** Specs in the last column. */
  readonly specs: readonly string[];
}

/** Finds table rows that begin with the numbers of faults. */
function rowsOf(text: string): Row[] {
  const rows = [...text.matchAll(/^\| (\d+(?:, \d+)*) \|.*\| ([^|]*) \|$/gm)];
  return rows.map(([, faults = '', specs = '']) => ({
    faults: faults.split(', ').map(Number),
    specs: [...specs.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path),
  }));
}

/** Finds the fault numbers at the end of titles. */
function faultsIn(text: string): Set<number> {
  const titles = text.match(/\(fault \d+(?:, fault \d+)*\)(?=['"`])/g) ?? [];
  return new Set(titles.flatMap((title) => [...title.matchAll(/\d+/g)].map(([number]) => Number(number))));
}

/** Finds the faults of all specs, by path. */
function faultsOfSpecs(): Map<string, Set<number>> {
  const specs = ['src', 'test', 'sample-app'].flatMap((directory) =>
    readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((path) => `${directory}/${path}`),
  );
  return new Map(
    specs
      .filter((path) => path.endsWith('.spec.ts') && !path.includes('node_modules'))
      .map((path) => [path, faultsIn(read(path))]),
  );
}

const specs = faultsOfSpecs();

describe.each(['docs/faults.md', 'docs/redis-faults.md'])('the faults of %s', (page) => {
  const rows = rowsOf(read(page));

  it('each have a test in every listed spec', () => {
    const missing = rows.flatMap(({ faults, specs: paths }) =>
      faults.flatMap((fault) =>
        paths.filter((path) => specs.get(path)?.has(fault) !== true).map((path) => `${fault} in ${path}`),
      ),
    );

    expect(rows.filter(({ specs: paths }) => paths.length === 0)).toEqual([]);
    expect(missing).toEqual([]);
  });

  it('are listed once', () => {
    const faults = rows.flatMap((row) => row.faults);

    expect(faults.length).toBeGreaterThan(0);
    expect(new Set(faults).size).toBe(faults.length);
  });
});

describe('the faults of docs/faults.md', () => {
  const listed = rowsOf(read('docs/faults.md')).flatMap(({ faults }) => faults);

  it('are in order', () => {
    expect(listed).toEqual([...listed].sort((one, other) => one - other));
  });

  it('include all faults in titles of tests', () => {
    const unknown = [...specs].flatMap(([path, faults]) =>
      [...faults].filter((fault) => !listed.includes(fault)).map((fault) => `${fault} of ${path}`),
    );

    expect(unknown).toEqual([]);
  });

  it('are read from lists, and only from titles', () => {
    // Built from parts, because a literal would count as a title of this spec.
    const titled = (faults: string): string => `it('holds (${faults})', f);\n`;

    expect([...faultsIn(`// (fault 1)\n${titled('fault 2')}${titled('fault 3, fault 40')}`)]).toEqual([2, 3, 40]);
    expect(rowsOf('| 7, 8 | a | b | `x.spec.ts`, `y.spec.ts` |\n')).toEqual([
      { faults: [7, 8], specs: ['x.spec.ts', 'y.spec.ts'] },
    ]);
  });
});
