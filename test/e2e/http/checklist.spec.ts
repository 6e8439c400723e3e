import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/* docs/http-checklist.md and the titles of tests name the same behaviours: `#51: ...`, or `#61, #62: ...`. */

const root = resolve(import.meta.dirname, '../../..');
const LAST = 119;

/** Numbers without a test on both platforms. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  109: 'on Fastify alone: Express does not speak HTTP/2',
};

function specsIn(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.spec.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

/** Finds the numbers at the begin of titles. */
function citedIn(text: string): Set<number> {
  return new Set([...text.matchAll(/#(\d+)(?=[,:])/g)].map(([, number]) => Number(number)));
}

interface Row {
  readonly number: number;
  /** Sections of RFCs; empty if no RFC requires the behaviour. */
  readonly rfc: string;
  readonly behaviour: string;
}

/** Finds the rows of the page's tables. */
function rowsIn(page: string): Row[] {
  return [...page.matchAll(/^\| (\d+) \|([^|]*)\|(.*)\|$/gm)].map(([, number, rfc = '', behaviour = '']) => ({
    number: Number(number),
    rfc: rfc.trim(),
    behaviour: behaviour.trim(),
  }));
}

const rows = rowsIn(readFileSync(join(root, 'docs/http-checklist.md'), 'utf8'));
const listed = rows.map(({ number }) => number);
const cited = citedIn([...specsIn('src/nest/http'), ...specsIn('test/e2e'), ...specsIn('test/conformance')].join('\n'));

describe('the checklist of a response cache', () => {
  it(`has a test named by each of its ${LAST} numbers`, () => {
    const missing = Array.from({ length: LAST }, (_, i) => i + 1).filter((number) => !cited.has(number));

    expect(missing).toEqual([]);
    expect(Object.keys(EXCEPTIONS).every((number) => cited.has(Number(number)))).toBe(true);
  });

  it('lists its numbers once, in order and without a gap', () => {
    expect(listed).toEqual(Array.from({ length: Math.max(LAST, listed.length) }, (_, i) => i + 1));
  });

  it('lists only what a title cites, and all that titles cite', () => {
    expect(listed.filter((number) => !cited.has(number))).toEqual([]);
    expect([...cited].filter((number) => !listed.includes(number))).toEqual([]);
  });

  it('says in a sentence what the kit does, and which section of an RFC asks for it', () => {
    expect(rows.filter(({ behaviour }) => !/^\S.{15,}\.$/.test(behaviour))).toEqual([]);
    expect(rows.filter(({ rfc }) => rfc !== '' && !/^\d{4} §[\d.]+(, (\d{4} )?§[\d.]+)*$/.test(rfc))).toEqual([]);
  });

  it('is read from rows, and cited by one number or several', () => {
    // Built from parts, because literals would count as citations of this spec.
    const hash = '#';

    expect(rowsIn('| 7 | 9110 §1.2 | Does `a`. |\n| number | RFC | behaviour |\n')).toEqual([
      { number: 7, rfc: '9110 §1.2', behaviour: 'Does `a`.' },
    ]);
    expect([...citedIn(`it('${hash}61, ${hash}620: a', f); // see ${hash}7 of it`)]).toEqual([61, 620]);
  });
});
