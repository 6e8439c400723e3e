import type { History } from './history.js';

interface Running {
  /** How many disturbances there had been when it was asked for; NaN if one went on, or came before it computed. */
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

  /** How many disturbances there have been; NaN while one goes on. */
  get calm(): number {
    return this.#ongoing === 0 ? this.#disturbances : NaN;
  }

  /** @param since what `calm` was when the load was asked for: what came between may have taken its lease away */
  begin(key: string, signal: AbortSignal, since: number): () => void {
    const running = { disturbances: this.calm === since ? since : NaN };
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
