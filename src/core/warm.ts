import type { CacheInternals } from './cache-internals.js';
import type { GetOrSetOptions } from './load/call-options.js';
import { readCount, readFunction } from './vocabulary/option-checks.js';

export interface WarmOptions<T> extends GetOrSetOptions<T> {
  /** Factories that run at the same time. @default 8 */
  concurrency?: number;
  /** Called after each key. */
  onProgress?: (progress: WarmProgress) => void;
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

/** Loads the keys that are not fresh. `concurrency` workers take their keys from one stream. */
export async function warmKeys<T>(
  cache: Pick<CacheInternals, 'clock' | 'load'>,
  keys: Iterable<string> | AsyncIterable<string>,
  factory: (key: string) => T | Promise<T>,
  { concurrency, onProgress, ...options }: WarmOptions<T>,
): Promise<WarmReport> {
  const workers = readCount(concurrency, 'concurrency', 8);
  const announce = readFunction<(progress: WarmProgress) => void>(onProgress, 'onProgress');
  const startedMs = cache.clock.nowMs();
  const seen = new Set<string>();
  const report: WarmReport = { total: 0, loaded: 0, skipped: 0, failed: [], durationMs: 0 };
  const stream = distinct(keys, seen);

  const work = async (): Promise<void> => {
    for (let next = await stream.next(); next.done !== true; next = await stream.next()) {
      const key = next.value;
      try {
        const { status } = await cache.load(key, () => factory(key), options);
        report[status === 'miss' ? 'loaded' : 'skipped']++;
      } catch (error) {
        report.failed.push({ key, error });
      }
      announce?.({ key, done: report.loaded + report.skipped + report.failed.length, failed: report.failed.length });
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return { ...report, total: seen.size, durationMs: Math.round(cache.clock.nowMs() - startedMs) };
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
