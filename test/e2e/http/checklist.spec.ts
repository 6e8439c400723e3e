import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = resolve(import.meta.dirname, '../../..');
const LAST = 118;

/** What no test of this repository can show, or shows on one platform only. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  109: 'on Fastify alone: Express does not speak HTTP/2',
};

function specsIn(directory: string): string[] {
  return readdirSync(join(root, directory), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.spec.ts'))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

describe('the checklist of a response cache', () => {
  it(`has a test named by each of its ${LAST} numbers`, () => {
    const text = [...specsIn('src/nest/http'), ...specsIn('test/e2e'), ...specsIn('test/conformance')].join('\n');
    const named = new Set([...text.matchAll(/#(\d+)(?=[,:])/g)].map(([, number]) => Number(number)));

    const missing = Array.from({ length: LAST }, (_, i) => i + 1).filter((number) => !named.has(number));

    expect(missing).toEqual([]);
    expect(Object.keys(EXCEPTIONS).every((number) => named.has(Number(number)))).toBe(true);
  });
});
