import type { RunOptions } from './chaos-run.js';
import type { Gates } from './gates.js';

/** The backend that the chaos is for, unless said otherwise: CHAOS_BACKEND=hybrid. */
export const BACKEND = (process.env['CHAOS_BACKEND'] ?? 'redis') as RunOptions['backend'];

export const MAX_STALENESS_MS = 1_000;

export const GATES: Readonly<Record<RunOptions['backend'], Gates>> = {
  redis: { maxAgeMs: 0, hasNear: false },
  hybrid: { maxAgeMs: MAX_STALENESS_MS, hasNear: true },
};
