import { setTimeout as sleep } from 'node:timers/promises';

const POLL_MS = 20;

/** Ends when `isSo` is. Rejects after `timeoutMs` with what `complaint` says, and when `isSo` does. */
export async function until(isSo: () => Promise<boolean>, timeoutMs: number, complaint: () => string): Promise<void> {
  const deadlineMs = Date.now() + timeoutMs;
  while (!(await isSo())) {
    if (Date.now() > deadlineMs) throw new Error(complaint());
    await sleep(POLL_MS);
  }
}

/** Whether it holds for all of them, asked at the same time. */
export async function allOf<T>(items: readonly T[], isSo: (item: T) => Promise<boolean>): Promise<boolean> {
  return (await Promise.all(items.map(isSo))).every(Boolean);
}
