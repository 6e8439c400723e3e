import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Mutant } from './mutants.js';
import type { Told } from './telling.js';

/** What a process tells in the end. */
export interface Done {
  readonly missed: number;
  /** Times that `onError` was told of an unavailable server. */
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

interface Said {
  readonly type: string;
}

/** A process of a run, and what it says. It ends with the channel to this one at the latest. */
export class ChaosProcess {
  onBatch: (batch: Told) => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #exit: Promise<never>;
  readonly #said = new Map<string, PromiseWithResolver>();

  constructor(mutant: Mutant | undefined, order: object) {
    const execArgv =
      mutant === undefined ? [] : ['--import', pathToFileURL(join(import.meta.dirname, 'mutate.mjs')).href];
    const env = { ...process.env, CHAOS_EDITS: JSON.stringify(mutant?.edits ?? []) };
    this.#child = fork(join(import.meta.dirname, 'chaos.worker.mjs'), [JSON.stringify(order)], {
      serialization: 'advanced',
      execArgv,
      env,
    });
    this.#exit = once(this.#child, 'exit').then(([code, signal]) =>
      Promise.reject(new Error(`A process ended with ${code ?? signal} before it had told all.`)),
    );
    this.#exit.catch(() => undefined);
    this.#child.on('message', (message: Said & Told) => {
      if (message.type === 'batch') this.onBatch(message);
      else this.#of(message.type).resolve(message);
    });
  }

  send(order: 'go' | 'calm' | 'stop'): void {
    this.#child.send(order);
  }

  async said(type: string): Promise<unknown> {
    const late = new AbortController();
    const timeout = sleep(STEP_WITHIN_MS, undefined, { signal: late.signal }).then(() =>
      Promise.reject(new Error(`A process did not tell that it is ${type}.`)),
    );
    timeout.catch(() => undefined);
    try {
      return await Promise.race([this.#of(type).promise, this.#exit, timeout]);
    } finally {
      late.abort();
    }
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    this.#child.kill('SIGKILL');
    await this.#exit.catch(() => undefined);
  }

  #of(type: string): PromiseWithResolver {
    const known = this.#said.get(type);
    if (known !== undefined) return known;
    let resolve: (message: unknown) => void = () => undefined;
    const promise = new Promise<unknown>((settle) => (resolve = settle));
    const made = { promise, resolve };
    this.#said.set(type, made);
    return made;
  }
}

interface PromiseWithResolver {
  readonly promise: Promise<unknown>;
  readonly resolve: (message: unknown) => void;
}
