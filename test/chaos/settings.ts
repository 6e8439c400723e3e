import type { RunOptions } from './chaos-run.js';
import type { TopologyName } from './topology.js';

/** Backend of the runs; set CHAOS_BACKEND=redis for the other one. */
export const BACKEND = (process.env['CHAOS_BACKEND'] ?? 'hybrid') as RunOptions['backend'];
export const BACKENDS: readonly RunOptions['backend'][] = ['redis', 'hybrid'];

export const MAX_STALENESS_MS = 1_000;

/** Maximum age of a stale read, after an invalidation by another process. Without near copies, no read is stale. */
export function maxAgeMsOf(backend: RunOptions['backend']): number {
  return backend === 'hybrid' ? MAX_STALENESS_MS : 0;
}

/** Slack for durations on a busy machine. The age of a value has no slack. */
export const SLACK_MS = 400;

/** Slack for a recovery, which takes several steps, some of them on timers. */
const RECOVERY_SLACK_MS = 1_000;

/**
 * Limits for the recovery after a fault. ioredis finds a lost cluster node again when it refreshes its slots, every two
 * seconds. A sentinel announces a failover to its clients when the failover is complete, and then they reconnect.
 */
export const RECOVERED_WITHIN_MS: Readonly<Record<TopologyName, number>> = {
  standalone: 2_000 + RECOVERY_SLACK_MS,
  sentinel: 3_000 + RECOVERY_SLACK_MS,
  cluster: 3_000 + RECOVERY_SLACK_MS,
};
