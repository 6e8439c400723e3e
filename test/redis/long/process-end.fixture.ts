import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterTest } from '../redis.fixture.js';

export interface SpawnedProcess {
  readonly child: ChildProcess;
  /** Returns everything that the process has printed so far. */
  output(): string;
  /** Exit code, when the process has ended. */
  readonly end: Promise<number | null>;
}

/** Starts process-end.worker.ts with a case and the options of its cache. Kills it after the current test. */
export function spawnWorker(name: 'failing-start' | 'running' | 'script', options: object): SpawnedProcess {
  const child = spawn(
    process.execPath,
    [
      '--import',
      './test/simulation/typescript.mjs',
      'test/redis/long/process-end.worker.ts',
      name,
      JSON.stringify(options),
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  afterTest(() => child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { child, output: () => output, end: once(child, 'close').then(([code]) => code as number | null) };
}
