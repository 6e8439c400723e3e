import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

/*
 * A rejection that would end a real process fails the suite in which it happens. Small suites are written to a
 * directory and run with the configuration of all suites, in a separate process.
 */

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

const rejection = "const reject = () => Promise.reject(new Error('planted'));";
const turns = 'const turns = () => new Promise((resolve) => setTimeout(resolve, 5));';
const calm = "it('is calm', turns);";

/** Suites, by the event that happens in them. Without the event, each suite would pass. */
const planted = {
  'nothing is wrong': calm,
  'a rejection is handled': "it('handles it', () => reject().catch(() => undefined));",
  'a rejection in a test that goes on': "it('goes on', async () => { void reject(); await turns(); });",
  'a rejection in a test that has ended': "it('has ended', () => void reject());",
  'a rejection between two tests': `it('leaves a timer', () => void setTimeout(reject, 1)); ${calm}`,
  'a rejection that is handled late':
    "it('is late', async () => { const late = reject(); await turns(); await late.catch(() => undefined); });",
  'a rejection beside the tests': `void reject(); ${calm}`,
  'a rejection before the tests': `beforeAll(() => void reject()); ${calm}`,
  'a rejection after the tests': `afterAll(() => void reject()); ${calm}`,
  'an exception in a timer':
    "it('waits', async () => { setTimeout(() => { throw new Error('planted'); }, 1); await turns(); });",
} as const;

const fileOf = (name: string): string => `${name.replaceAll(' ', '-')}.spec.mjs`;

/** The configuration of all suites, for one directory and without a compiler. */
const config = `
  import base from '${pathToFileURL(join(root, 'jest.config.js')).href}';
  export default { ...base, rootDir: import.meta.dirname, testMatch: ['<rootDir>/*.spec.mjs'], transform: {} };
`;

interface Report {
  readonly testResults: readonly { readonly name: string; readonly status: string; readonly message: string }[];
}

let directory: string;
let report: Report;

async function runPlanted(): Promise<Report> {
  const flags = [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    join(root, 'node_modules/jest/bin/jest.js'),
  ];
  const outcome = await run(process.execPath, [...flags, '-c', join(directory, 'jest.config.mjs'), '-i', '--json'], {
    cwd: directory,
  }).catch((error: unknown) => error as { stdout: string });
  return JSON.parse(outcome.stdout) as Report;
}

function outcomeOf(name: string): { readonly status: string; readonly message: string } {
  const { status = 'missing', message = '' } =
    report.testResults.find((result) => result.name === join(directory, fileOf(name))) ?? {};
  return { status, message };
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'cache-kit-planted-'));
  writeFileSync(join(directory, 'jest.config.mjs'), config);
  for (const [name, body] of Object.entries(planted))
    writeFileSync(join(directory, fileOf(name)), [rejection, turns, body].join('\n'));
  report = await runPlanted();
}, 60_000);

afterAll(() => {
  rmSync(directory, { recursive: true });
});

describe('a suite passes where', () => {
  it.each(['nothing is wrong', 'a rejection is handled'])('%s', (name) => {
    expect(outcomeOf(name)).toEqual({ status: 'passed', message: '' });
  });
});

describe('a suite fails by', () => {
  it.each(Object.keys(planted).slice(2))('%s (fault 1)', (name) => {
    const { status, message } = outcomeOf(name);

    expect(status).toBe('failed');
    expect(message).toContain('planted');
  });
});
