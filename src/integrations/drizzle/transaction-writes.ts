/** The tables that a transaction of the database has written. */
export class TransactionWrites {
  readonly #tables = new Set<string>();
  /** True once its work has succeeded: what fails later might be committed all the same. */
  isCommitting = false;
  #isRunning = true;

  get isRunning(): boolean {
    return this.#isRunning;
  }

  get tables(): readonly string[] {
    return [...this.#tables];
  }

  add(tables: readonly string[]): void {
    for (const table of tables) this.#tables.add(table);
  }

  /** Ends it: what its session runs from now on is no part of it. */
  end(): void {
    this.#isRunning = false;
  }
}

/** Errors after which nobody knows what the server did, by SQLSTATE: those of connections, operators and the system. */
const UNKNOWN_OUTCOME = /^(?:08|57|58|XX|40003)/;

/**
 * True for an error with which the server refused a statement or a commit, so that nothing was changed; false where a
 * connection was lost, and wherever that is not known.
 */
export function isUndone(error: unknown): boolean {
  for (let each = error, depth = 0; each instanceof Error && depth < 5; each = each.cause, depth++) {
    const { code, sqlState } = each as { code?: unknown; sqlState?: unknown };
    for (const state of [sqlState, code]) {
      if (typeof state === 'string' && /^(?=.*\d)[\dA-Z]{5}$/.test(state)) return !UNKNOWN_OUTCOME.test(state);
    }
  }
  return false;
}
