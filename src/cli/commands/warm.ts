import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WarmOptions } from '../../index.js';
import { EXIT, wrongUse } from '../command.errors.js';
import type { Output } from '../output/output.js';
import { startProgress } from '../output/progress.js';
import type { RedisRemote } from '../remote/redis-remote.js';
import type { Secrets } from '../secrets.js';

/** The value that the user's module exports for `warm`. */
export interface WarmPlan {
  readonly keys: Iterable<string> | AsyncIterable<string>;
  readonly load: (key: string) => unknown;
  readonly options?: WarmOptions<unknown>;
}

/** Loads the plan from a file or a package. @throws CommandError that says which export is expected */
export async function readPlan(module: string, name: string): Promise<WarmPlan> {
  const exported = await exportOf(module, name);
  const plan: unknown = typeof exported === 'function' ? await (exported as () => unknown)() : exported;
  const { keys, load } = (plan ?? {}) as Partial<WarmPlan>;
  if (!isIterable(keys) || typeof load !== 'function')
    throw wrongUse(`Expected the export '${name}' of ${module} to be { keys, load(key), options? }, or to return it.`);
  return plan as WarmPlan;
}

/** Loads the keys of the plan that are not fresh. */
export async function warm(
  remote: RedisRemote,
  output: Output,
  { keys, load, options = {} }: WarmPlan,
  { signal, secrets }: { signal: AbortSignal; secrets: Secrets },
): Promise<number> {
  const progress = startProgress(process.stderr, countOf(keys));
  const report = await remote
    .warm(until(signal, keys), (key) => load(key), {
      ...options,
      onProgress: (now) => {
        progress.update(now.done, now.failed);
        options.onProgress?.(now);
      },
    })
    .finally(() => progress.stop());
  const { failed, total, loaded, skipped, durationMs } = report;
  for (const { key, error } of failed) {
    const message = secrets.hide(error instanceof Error ? error.message : String(error));
    output.result({ key, error: message }, () => `${key} failed: ${message}`);
  }
  output.result(
    { total, loaded, skipped, failed: failed.length, durationMs },
    () => `${total} keys: ${loaded} loaded, ${skipped} fresh already, ${failed.length} failed.`,
  );
  return total === 0 || failed.length > 0 ? EXIT.nothing : EXIT.done;
}

async function exportOf(module: string, name: string): Promise<unknown> {
  const path = resolve(module);
  const loaded = (await import(existsSync(path) ? pathToFileURL(path).href : packageUrl(module))) as {
    [name: string]: unknown;
    default?: Record<string, unknown>;
  };
  return loaded[name] ?? loaded.default?.[name];
}

/** Finds a package from the working directory, and not from the place of this command. */
function packageUrl(name: string): string {
  try {
    return pathToFileURL(createRequire(resolve('package.json')).resolve(name)).href;
  } catch {
    throw wrongUse(`Expected a file or a package, and found no '${name}' from the working directory.`);
  }
}

async function* until(
  signal: AbortSignal,
  keys: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string, void> {
  for await (const key of keys) {
    if (signal.aborted) return;
    yield key;
  }
}

function countOf(keys: Iterable<string> | AsyncIterable<string>): number | undefined {
  if (Array.isArray(keys)) return keys.length;
  return keys instanceof Set || keys instanceof Map ? keys.size : undefined;
}

function isIterable(keys: unknown): boolean {
  return typeof keys === 'object' && keys !== null && (Symbol.iterator in keys || Symbol.asyncIterator in keys);
}
