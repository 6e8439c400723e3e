import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';

const BINARIES = ['redis-server', 'valkey-server'];

/** The name of the server on the PATH. */
export function findServer(path = process.env['PATH']): string {
  const found = BINARIES.find((name) => spawnSync(name, ['--version'], { env: { PATH: path } }).status === 0);
  if (found === undefined) {
    throw new Error(
      'Expected redis-server or valkey-server on the PATH: run `node scripts/ensure-redis.mjs`, which installs one or says how.',
    );
  }
  return found;
}

/** A running server. It ends with the process that started it, however that one ends. */
export class ServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exit: Promise<unknown>;
  readonly #logFile: string;

  constructor(args: readonly string[], directory: string) {
    this.#logFile = join(directory, 'log');
    // A file, since a pipe would fill up, or keep a test run from ending.
    const log = openSync(this.#logFile, 'w');
    this.#child = spawn(findServer(), args, { cwd: directory, stdio: ['ignore', log, log] });
    closeSync(log);
    this.pid = this.#child.pid as number;
    this.#exit = once(this.#child, 'exit');
    const guard = guardOf(this.pid, directory);
    // The id may soon belong to a stranger.
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

  /** Ends a paused one too. There is nothing it should save. */
  async end(): Promise<void> {
    if (this.hasExited) return;
    this.#child.ref();
    this.kill('SIGKILL');
    await this.#exit;
  }
}

/**
 * Waits for the end of this process, which closes its standard input, and ends the server then. Jest hands tests a copy
 * of `process` that emits no 'exit', and nothing emits it for a process that was killed.
 */
function guardOf(pid: number, directory: string): ChildProcess {
  const script = 'read -r _; kill -KILL "$1"; rm -rf "$2"';
  // Detached, since Ctrl+C goes to the whole group.
  const guard = spawn('sh', ['-c', script, 'sh', String(pid), directory], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  guard.unref();
  (guard.stdin as Socket).unref();
  return guard;
}
