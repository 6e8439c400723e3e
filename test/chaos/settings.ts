import type { RunOptions } from './chaos-run.js';
import type { TopologyName } from './topology.js';

/** The backend that the chaos is for, unless said otherwise: CHAOS_BACKEND=redis. */
export const BACKEND = (process.env['CHAOS_BACKEND'] ?? 'hybrid') as RunOptions['backend'];
export const BACKENDS: readonly RunOptions['backend'][] = ['redis', 'hybrid'];

export const MAX_STALENESS_MS = 1_000;

/**
 * How long ago another process may have invalidated what is read: where there are no near copies, nothing is ever
 * behind.
 */
export function maxAgeMsOf(backend: RunOptions['backend']): number {
  return backend === 'hybrid' ? MAX_STALENESS_MS : 0;
}

/** What a busy machine may add to a time. Nothing is added to the age of a value. */
export const SLACK_MS = 400;

/** What it may add to a recovery, which takes several steps, some of them by timers. */
const RECOVERY_SLACK_MS = 1_000;

/**
 * How soon all must be as before when a fault is over. ioredis looks for a lost node of a cluster when it reads the
 * slots again, which is every two seconds; a sentinel tells its clients of a failover when it is done with it, and they
 * connect anew.
 */
export const RECOVERED_WITHIN_MS: Readonly<Record<TopologyName, number>> = {
  standalone: 2_000 + RECOVERY_SLACK_MS,
  sentinel: 3_000 + RECOVERY_SLACK_MS,
  cluster: 3_000 + RECOVERY_SLACK_MS,
};
