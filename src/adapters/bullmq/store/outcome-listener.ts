import { type Client, isReady } from './queue-clients.js';
import type { PendingValues } from './pending-values.js';
import type { Clock, Timer } from '../../../core/ports/clock.port.js';

/** A write that has ended, in any process. */
export interface Outcome {
  readonly id: string;
  readonly version: number;
  readonly outcome: 'landed' | 'failed';
  readonly process: string;
  readonly error: string;
}

/** Time for which one read waits for news, in ms. */
const BLOCK_MS = 5_000;
/** Time after which a read that waits has lost its connection without notice. */
const SILENCE_MS = 2 * BLOCK_MS;
const PAUSE_MS = 200;
const COUNT = 500;

export interface ListenerParts {
  readonly client: Client;
  readonly clock: Clock;
  readonly values: Pick<PendingValues, 'outcomes' | 'latestOutcome'>;
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Reads the stream of outcomes from its present end on. A lost connection loses none: it goes on where it was. */
export class OutcomeListener {
  readonly #parts: ListenerParts;
  #last: string | undefined;
  #isStopped = false;
  #pause: Timer | undefined;
  #wake: () => void = () => undefined;

  constructor(parts: ListenerParts) {
    this.#parts = parts;
  }

  /** True when no outcome from now on will be missed. */
  get isListening(): boolean {
    return this.#last !== undefined;
  }

  /** True when all outcomes up to an entry of the stream were read. */
  hasReached(entry: string): boolean {
    if (this.#last === undefined) return false;
    const [ms = 0, number = 0] = entry.split('-').map(Number);
    const [lastMs = 0, lastNumber = 0] = this.#last.split('-').map(Number);
    return lastMs > ms || (lastMs === ms && lastNumber >= number);
  }

  /** Resolves when it was stopped. Never rejects. */
  async run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        if (isReady(this.#parts.client)) await this.#read();
        else await this.#wait();
      } catch {
        // The connection is lost, or the server is not ready; the owner of the client hears of it.
        await this.#wait();
      }
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#pause?.cancel();
    this.#wake();
  }

  async #read(): Promise<void> {
    const { client, clock, values, onOutcome } = this.#parts;
    this.#last ??= await values.latestOutcome();
    const watchdog = clock.schedule(SILENCE_MS, () => client.disconnect(true));
    try {
      const reply = await client.xread('COUNT', COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', values.outcomes, this.#last);
      for (const [entry, fields] of reply?.[0]?.[1] ?? []) {
        this.#last = entry;
        onOutcome(outcomeOf(fields));
      }
    } finally {
      watchdog.cancel();
    }
  }

  #wait(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
      this.#pause = this.#parts.clock.schedule(PAUSE_MS, resolve);
    });
  }
}

function outcomeOf(fields: readonly string[]): Outcome {
  const entries = new Map<string, string>();
  for (let i = 0; i < fields.length; i += 2) entries.set(fields[i] as string, fields[i + 1] as string);
  return {
    id: entries.get('id') ?? '',
    version: Number(entries.get('version')),
    outcome: entries.get('outcome') === 'failed' ? 'failed' : 'landed',
    process: entries.get('process') ?? '',
    error: entries.get('error') ?? '',
  };
}
