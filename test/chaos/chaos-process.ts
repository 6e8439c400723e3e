import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.js';
import type { WorkerBatch } from './failover-filter.js';

/** Last message of a process, when it has closed its cache. */
export interface Done {
  readonly missed: number;
  /** Number of errors with the code CACHE_BACKEND_UNAVAILABLE. */
  readonly unavailable: number;
  readonly callerErrorCount: number;
  readonly callerErrors: readonly string[];
  readonly slowestGetMs: number;
  readonly slowestLoadMs: number;
  readonly closedMs: number;
  readonly left: readonly string[];
  readonly unhandled: readonly string[];
}

const STEP_WITHIN_MS = 20_000;

interface Message {
  readonly type: string;
}

/** A child process of a run, and its messages. It ends when the IPC channel closes, at the latest. */
export class ChaosProcess {
  onBatch: (batch: WorkerBatch) => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #exit: Promise<never>;
  readonly #messages = new Map<string, PromiseWithResolver>();

  constructor(mutant: Mutant | undefined, settings: object) {
    const execArgv =
      mutant === undefined ? [] : ['--import', pathToFileURL(join(import.meta.dirname, 'mutate.mjs')).href];
    const env = { ...process.env, CHAOS_EDITS: JSON.stringify(mutant?.edits ?? []) };
    this.#child = fork(join(import.meta.dirname, 'chaos.worker.mjs'), [JSON.stringify(settings)], {
      serialization: 'advanced',
      execArgv,
      env,
    });
    this.#exit = once(this.#child, 'exit').then(([code, signal]) =>
      Promise.reject(new Error(`A chaos process ended with ${code ?? signal} before its last message.`)),
    );
    this.#exit.catch(() => undefined);
    this.#child.on('message', (message: Message & WorkerBatch) => {
      if (message.type === 'batch') this.onBatch(message);
      else this.#messageOf(message.type).resolve(message);
    });
  }

  send(command: 'go' | 'calm' | 'stop'): void {
    this.#child.send(command);
  }

  /** Waits for the message of this type. */
  async received(type: string): Promise<unknown> {
    const timer = new AbortController();
    const timeout = sleep(STEP_WITHIN_MS, undefined, { signal: timer.signal }).then(() =>
      Promise.reject(new Error(`A chaos process did not send '${type}' within ${STEP_WITHIN_MS} ms.`)),
    );
    timeout.catch(() => undefined);
    try {
      return await Promise.race([this.#messageOf(type).promise, this.#exit, timeout]);
    } finally {
      timer.abort();
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#exit.catch(() => undefined);
  }

  #messageOf(type: string): PromiseWithResolver {
    const known = this.#messages.get(type);
    if (known !== undefined) return known;
    let resolve: (message: unknown) => void = () => undefined;
    const promise = new Promise<unknown>((settle) => (resolve = settle));
    const created = { promise, resolve };
    this.#messages.set(type, created);
    return created;
  }
}

interface PromiseWithResolver {
  readonly promise: Promise<unknown>;
  readonly resolve: (message: unknown) => void;
}
