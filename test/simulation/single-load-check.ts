import type { History } from './history.js';

interface Running {
  /** Number of disturbances at the call; NaN if there was one during the call and before the factory began. */
  readonly disturbances: number;
}

/** Checks that only one load of a key runs in the whole deployment, except around calls that disturb loads. */
export class SingleLoadCheck {
  readonly #running = new Map<string, Set<Running>>();
  #disturbances = 0;
  #ongoing = 0;

  constructor(
    private readonly history: History,
    private readonly isExpected: boolean,
  ) {}

  /** Records a call that can end loads, or loads without sharing. @returns a function that records its end */
  disturb(): () => void {
    this.#disturbances++;
    this.#ongoing++;
    return () => this.#ongoing--;
  }

  /** Number of disturbances so far; NaN during a disturbance. */
  get disturbances(): number {
    return this.#ongoing === 0 ? this.#disturbances : NaN;
  }

  /** Records the begin of a load. @param since `disturbances` at the call: a later one can have ended the lease */
  begin(key: string, signal: AbortSignal, since: number): () => void {
    const running = { disturbances: this.disturbances === since ? since : NaN };
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
