import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

/** Waits for the next message of a child process. Rejects when the process ends first, and after `withinMs`. */
export async function nextMessage(child: ChildProcess, withinMs: number): Promise<unknown> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const end = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`Expected a message, but the process ended with ${String(code)}.`);
  });
  const timeout = sleep(withinMs, undefined, { signal }).then(() => {
    throw new Error(`Expected a message of the process within ${withinMs} ms, got none.`);
  });
  try {
    const message = once(child, 'message', { signal }).then(([received]) => received as unknown);
    return await Promise.race([message, end, timeout]);
  } finally {
    waiting.abort();
  }
}
