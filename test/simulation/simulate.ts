import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Summary } from './run.js';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

/** Runs seeds in a process of their own, outside Jest. @param args those of run.ts */
export async function simulate(args: readonly string[]): Promise<{ summary: Summary; output: string }> {
  const command = ['--import', './test/simulation/typescript.mjs', 'test/simulation/run.ts', ...args];
  const { stdout } = await promisify(execFile)(process.execPath, command, { cwd: REPOSITORY, maxBuffer: 1 << 26 });
  return { summary: JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as Summary, output: stdout };
}
