import type { History } from './history.js';

interface Running {
  /** How many disturbances there had been; NaN while one went on. */
  readonly disturbances: number;
}

/** Whether one load at a time runs for a key in the whole deployment, as long as nothing gets in the way. */
export class Loads {
  readonly #running = new Map<string, Set<Running>>();
  #disturbances = 0;
  #ongoing = 0;

  constructor(
    private readonly history: History,
    private readonly isExpected: boolean,
  ) {}

  /** A call that ends loads, or loads for reasons of its own, goes on until the answer is called. */
  disturb(): () => void {
    this.#disturbances++;
    this.#ongoing++;
    return () => this.#ongoing--;
  }

  begin(key: string, signal: AbortSignal): () => void {
    const running = { disturbances: this.#ongoing === 0 ? this.#disturbances : NaN };
    const others = this.#running.get(key) ?? new Set();
    this.#running.set(key, others);
    const isSecond = [...others].some(({ disturbances }) => disturbances === running.disturbances);
    if (isSecond && this.isExpected) this.history.violations.push(`${key} is loaded twice at the same time`);
    others.add(running);
    const end = (): void => void others.delete(running);
    signal.addEventListener('abort', end);
    return end;
  }
}
