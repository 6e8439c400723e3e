import type { CacheInternals } from './cache-internals.js';
import type { GetOrSetOptions } from './load/call-options.js';
import type { Timer } from './ports/clock.port.js';
import { readBoolean, readCount, readFunction } from './vocabulary/option-checks.js';

export interface WarmOptions<T> extends GetOrSetOptions<T> {
  /** Factories that run at the same time. @default 8 */
  concurrency?: number;
  /** Called after each key. */
  onProgress?: (progress: WarmProgress) => void;
  /** True for a line in the log every 5 s and at the end. @default true */
  log?: boolean;
}

export interface WarmProgress {
  readonly key: string;
  /** Keys finished so far, with this one. */
  readonly done: number;
  /** Finished keys that failed. */
  readonly failed: number;
}

export interface WarmReport {
  /** Different keys that were given. */
  total: number;
  /** Keys whose value was computed now. */
  loaded: number;
  /** Keys that were fresh already. */
  skipped: number;
  failed: { key: string; error: unknown }[];
  durationMs: number;
}

type WarmingCache = Pick<CacheInternals, 'clock' | 'load' | 'notice'>;

const LOG_EVERY_MS = 5_000;

/** Loads the keys that are not fresh. `concurrency` workers take their keys from one stream. */
export async function warmKeys<T>(
  cache: WarmingCache,
  keys: Iterable<string> | AsyncIterable<string>,
  factory: (key: string) => T | Promise<T>,
  { concurrency, onProgress, log, ...options }: WarmOptions<T>,
): Promise<WarmReport> {
  const workers = readCount(concurrency, 'concurrency', 8);
  const announce = readFunction<(progress: WarmProgress) => void>(onProgress, 'onProgress');
  const isLogged = readBoolean(log, 'log', true);
  const startedMs = cache.clock.nowMs();
  const seen = new Set<string>();
  const report: WarmReport = { total: 0, loaded: 0, skipped: 0, failed: [], durationMs: 0 };
  const stream = distinct(keys, seen);
  const progress = isLogged ? logProgress(cache, report, countOf(keys)) : undefined;

  const work = async (): Promise<void> => {
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const key = next.value;
      try {
        const { status } = await cache.load(key, () => factory(key), options);
        report[status === 'miss' ? 'loaded' : 'skipped']++;
      } catch (error) {
        report.failed.push({ key, error });
      }
      announce?.({ key, done: doneOf(report), failed: report.failed.length });
    }
  };
  try {
    await Promise.all(Array.from({ length: workers }, work));
  } finally {
    progress?.cancel();
  }
  const durationMs = Math.round(cache.clock.nowMs() - startedMs);
  const result = { ...report, total: seen.size, durationMs };
  if (isLogged) cache.notice(summaryOf(result), result.failed.length === 0 ? 'log' : 'warn');
  return result;
}

async function* distinct(
  keys: Iterable<string> | AsyncIterable<string>,
  seen: Set<string>,
): AsyncGenerator<string, void> {
  for await (const key of keys) {
    if (seen.has(key)) continue;
    seen.add(key);
    yield key;
  }
}

/** Writes a line every `LOG_EVERY_MS`. @param count of the keys, where it is known */
function logProgress({ clock, notice }: WarmingCache, report: WarmReport, count: number | undefined): Timer {
  const write = (): void => {
    const of = count === undefined ? '' : ` of ${count}`;
    notice(`Warming up: ${doneOf(report)}${of} keys${failures(report)}.`);
    timer = clock.schedule(LOG_EVERY_MS, write);
  };
  let timer = clock.schedule(LOG_EVERY_MS, write);
  return { cancel: () => timer.cancel() };
}

function summaryOf(report: WarmReport): string {
  const { total, loaded, skipped, durationMs } = report;
  const seconds = (durationMs / 1_000).toFixed(1);
  return `Warmed up ${total} keys in ${seconds} s: ${loaded} loaded, ${skipped} fresh already${failures(report)}.`;
}

/** Without keys and errors, which may hold what must not be in a log. The report has them. */
function failures({ failed }: WarmReport): string {
  return failed.length === 0 ? '' : `, ${failed.length} failed`;
}

function doneOf({ loaded, skipped, failed }: WarmReport): number {
  return loaded + skipped + failed.length;
}

function countOf(keys: Iterable<string> | AsyncIterable<string>): number | undefined {
  if (Array.isArray(keys)) return keys.length;
  return keys instanceof Set || keys instanceof Map ? keys.size : undefined;
}
