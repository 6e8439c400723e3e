import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/* docs/faults.md and the titles of tests name the same faults: `(fault 7)`, or `(fault 21, fault 30)`, at their end. */

const root = resolve(import.meta.dirname, '../..');
const page = readFileSync(join(root, 'docs/faults.md'), 'utf8');

/** The faults that a table has, and the specs that hold each. */
function rowsOf(text: string): Map<number, string[]> {
  const rows = [...text.matchAll(/^\| (\d+) \|.*\| ([^|]*) \|$/gm)];
  return new Map(rows.map(([, number, specs = '']) => [Number(number), [...specs.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)]));
}

/** The faults that the titles of a spec end with. */
function faultsIn(text: string): Set<number> {
  const titles = text.match(/\(fault \d+(?:, fault \d+)*\)(?=['"`])/g) ?? [];
  return new Set(titles.flatMap((title) => [...title.matchAll(/\d+/g)].map(([number]) => Number(number))));
}

/** By path. */
function faultsOfSpecs(): Map<string, Set<number>> {
  const specs = ['src', 'test', 'sample-app'].flatMap((directory) => readdirSync(join(root, directory), { recursive: true, encoding: 'utf8' }).map((path) => `${directory}/${path}`));
  return new Map(specs.filter((path) => path.endsWith('.spec.ts') && !path.includes('node_modules')).map((path) => [path, faultsIn(readFileSync(join(root, path), 'utf8'))]));
}

describe('the faults of docs/faults.md', () => {
  const rows = rowsOf(page);
  const specs = faultsOfSpecs();

  it('stand there once, in order', () => {
    const numbers = [...page.matchAll(/^\| (\d+) \|/gm)].map(([, number]) => Number(number));

    expect(numbers.length).toBeGreaterThan(0);
    expect([...rows.keys()]).toEqual([...new Set(numbers)].sort((one, other) => one - other));
    expect(rows.size).toBe(numbers.length);
  });

  it('are each held by a test in every spec that is named', () => {
    const missing = [...rows].flatMap(([fault, paths]) => (paths.length === 0 ? [`${fault} names no spec`] : paths.filter((path) => specs.get(path)?.has(fault) !== true).map((path) => `${fault} in ${path}`)));

    expect(missing).toEqual([]);
  });

  it('are all that titles of tests name', () => {
    const unknown = [...specs].flatMap(([path, faults]) => [...faults].filter((fault) => !rows.has(fault)).map((fault) => `${fault} of ${path}`));

    expect(unknown).toEqual([]);
  });

  it('are read from lists, and from titles alone', () => {
    // Not written out, or it would be a title of this spec.
    const titled = (faults: string): string => `it('holds (${faults})', f);\n`;

    expect([...faultsIn(`// (fault 1)\n${titled('fault 2')}${titled('fault 3, fault 40')}`)]).toEqual([2, 3, 40]);
    expect([...rowsOf('| 7 | a | b | `x.spec.ts`, `y.spec.ts` |\n')]).toEqual([[7, ['x.spec.ts', 'y.spec.ts']]]);
  });
});
