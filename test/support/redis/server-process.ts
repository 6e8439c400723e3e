import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

const BINARIES = ['redis-server', 'valkey-server'];

/** Finds the name of the server binary on the PATH. */
export function findServer(path = process.env['PATH']): string {
  const found = BINARIES.find((name) => spawnSync(name, ['--version'], { env: { PATH: path } }).status === 0);
  if (found === undefined) {
    throw new Error(
      'Expected redis-server or valkey-server on the PATH: run `node scripts/ensure-redis.mjs`, ' +
        'which installs one or says how.',
    );
  }
  return found;
}

/** A running server process. It ends when its parent process ends, for any reason. */
export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #logFile: string;

  constructor(args: readonly string[], directory: string) {
    this.#logFile = join(directory, 'log');
    // A file, because a pipe can fill up, and keeps the test run from ending.
    const log = openSync(this.#logFile, 'w');
    this.#child = spawn(findServer(), args, { cwd: directory, stdio: ['ignore', log, log] });
    closeSync(log);
    this.pid = this.#child.pid as number;
    this.#exit = once(this.#child, 'exit');
    const guard = guardOf(this.pid, directory);
    // The process id can be reused by another process soon.
    this.#child.once('exit', () => guard.kill('SIGKILL'));
    this.#child.unref();
  }

  get hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  get output(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Kills the process, even a paused one. There is no data to save. */
  async end(): Promise<void> {
    if (this.hasExited) return;
    this.#child.ref();
    this.kill('SIGKILL');
    await this.#exit;
  }
}

/**
 * Starts a shell that kills the server when this process ends, which closes the shell's standard input. An 'exit'
 * handler is not enough: Jest gives tests a copy of `process` that never emits it, and a killed process never does.
 */
function guardOf(pid: number, directory: string): ChildProcess {
  const script = 'read -r _; kill -KILL "$1"; rm -rf "$2"';
  // Detached, because Ctrl+C is sent to the whole process group.
  const guard = spawn('sh', ['-c', script, 'sh', String(pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as Socket).unref();
  return guard;
}
