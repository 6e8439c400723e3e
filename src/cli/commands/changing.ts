import { createInterface } from 'node:readline/promises';
import { EXIT, wrongUse } from '../command.errors.js';
import type { Output } from '../output/output.js';
import type { CacheRemote } from '../remote/cache-remote.port.js';

/** The options of `invalidate`, as they were written. */
export interface InvalidateOptions {
  readonly tag?: readonly string[];
  readonly mode?: 'any' | 'all';
  readonly namespace?: string;
  readonly pattern?: string;
  readonly key?: string;
  readonly soft?: boolean;
  readonly dryRun?: boolean;
}

/** Finds contradictions before anything is connected. @throws CommandError for wrong use */
export function checkInvalidation({ tag, mode, namespace, pattern, key, soft }: InvalidateOptions): void {
  const named = [tag, pattern, key].filter((each) => each !== undefined).length;
  if (named > 1 || (named === 0 && namespace === undefined) || (tag !== undefined && namespace !== undefined))
    throw wrongUse(
      'Expected one of --tag, --namespace, --pattern and --key; --namespace also goes with --pattern and --key.',
    );
  if (mode !== undefined && tag === undefined) throw wrongUse('--mode is for --tag. Leave it out.');
  if (soft === true && (pattern !== undefined || key !== undefined))
    throw wrongUse('--soft is for --tag and --namespace. Leave it out.');
}

/** Invalidates entries, or only counts them. */
export async function invalidate(
  remote: CacheRemote,
  output: Output,
  { tag, dryRun = false, ...what }: InvalidateOptions,
): Promise<number> {
  const invalidated = await remote.invalidate({ ...what, dryRun, ...(tag === undefined ? {} : { tags: tag }) });
  output.result({ invalidated, dryRun }, () =>
    dryRun ? `Would invalidate ${invalidated} entries.` : `Invalidated ${invalidated} entries.`,
  );
  return invalidated === 0 ? EXIT.nothing : EXIT.done;
}

/** Removes all entries of the cache. */
export async function clear(remote: CacheRemote, output: Output): Promise<number> {
  const invalidated = await remote.clear();
  output.result({ invalidated }, () => `Removed ${invalidated} entries.`);
  return invalidated === 0 ? EXIT.nothing : EXIT.done;
}

/**
 * Asks a person; false for any other answer than yes.
 * @throws CommandError for wrong use where nobody can be asked
 */
export async function confirmClear(isAsked: boolean, signal: AbortSignal): Promise<boolean> {
  if (!isAsked) throw wrongUse('clear removes every entry of the cache. Write clear --yes to do so.');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await lines.question('Remove every entry of the cache? (yes/no) ', { signal })).trim());
  } finally {
    lines.close();
  }
}
