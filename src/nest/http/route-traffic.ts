/** How long a key whose answers cannot be shared is not queued for (as Varnish's hit-for-miss objects, 120 s). */
const UNSHARED_MS = 120_000;
const MAX_UNSHARED = 1_000;

/** Which keys are being computed in this process, and for which waiting is in vain. */
export class RouteTraffic {
  readonly #running = new Map<string, number>();
  readonly #unsharedUntilMs = new Map<string, number>();

  isRunning(key: string): boolean {
    return this.#running.has(key);
  }

  begin(key: string): void {
    this.#running.set(key, (this.#running.get(key) ?? 0) + 1);
  }

  end(key: string): void {
    const left = (this.#running.get(key) ?? 1) - 1;
    if (left === 0) this.#running.delete(key);
    else this.#running.set(key, left);
  }

  isUnshared(key: string, nowMs: number): boolean {
    if (this.#unsharedUntilMs.size === 0) return false;
    return nowMs < (this.#unsharedUntilMs.get(key) ?? -Infinity);
  }

  /** Remembers whether the last answer for `key` could be shared. */
  learn(key: string, isShared: boolean, nowMs: number): void {
    this.#unsharedUntilMs.delete(key);
    if (isShared) return;
    this.#unsharedUntilMs.set(key, nowMs + UNSHARED_MS);
    const oldest = this.#unsharedUntilMs.keys().next();
    if (this.#unsharedUntilMs.size > MAX_UNSHARED && oldest.done !== true) this.#unsharedUntilMs.delete(oldest.value);
  }
}
