import type { Clock } from './clock.port.js';

/**
 * Waits until `promise` has settled, but no longer than `graceMs`. Never rejects, and leaves no timer behind.
 * @returns false where the time was up first; `promise` may then still settle, and a late rejection is handled
 */
export function settledWithin(clock: Clock, graceMs: number, promise: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = clock.schedule(graceMs, () => resolve(false));
    const settle = (): void => {
      timer.cancel();
      resolve(true);
    };
    promise.then(settle, settle);
  });
}
