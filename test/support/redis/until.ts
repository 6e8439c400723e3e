import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** Polls until `isTrue` resolves with true. Rejects with `failure()` after `timeoutMs`, and when `isTrue` rejects. */
export async function until(isTrue: () => Promise<boolean>, timeoutMs: number, failure: () => string): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > deadlineMs) throw new Error(failure());
    await sleep(POLL_MS);
  }
}

/** Checks all items at the same time. True when `isTrue` holds for each. */
export async function allOf<T>(items: readonly T[], isTrue: (item: T) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(items.map(isTrue))).every(Boolean);
}
