import type { CacheInternals } from './cache-internals.js';
import type { GetOrSetOptions } from './load/call-options.js';
import { readCount, readFunction } from './vocabulary/option-checks.js';

export interface WarmOptions<T> extends GetOrSetOptions<T> {
  /** How many factories run at once. @default 8 */
  concurrency?: number;
  /** Called after each key. */
  onProgress?: (progress: WarmProgress) => void;
}

export interface WarmProgress {
  readonly key: string;
  /** Keys done so far, this one included. */
  readonly done: number;
  readonly failed: number;
}

export interface WarmReport {
  /** Keys that were given, each counted once. */
  total: number;
  /** Computed now. */
  loaded: number;
  /** Fresh already. */
  skipped: number;
  failed: { key: string; error: unknown }[];
  durationMs: number;
}

/** Loads what is not fresh with as many workers as `concurrency` says, all drawing from one stream of keys. */
export async function warmKeys<T>(
  cache: Pick<CacheInternals, 'clock' | 'load'>,
  keys: Iterable<string> | AsyncIterable<string>,
  factory: (key: string) => T | Promise<T>,
  { concurrency, onProgress, ...options }: WarmOptions<T>,
): Promise<WarmReport> {
  const workers = readCount(concurrency, 'concurrency', 8);
  const tell = readFunction<(progress: WarmProgress) => void>(onProgress, 'onProgress');
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
      tell?.({ key, done: report.loaded + report.skipped + report.failed.length, failed: report.failed.length });
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
