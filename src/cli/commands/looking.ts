import type { CacheExplanation, CacheStats, ClusterStats } from '../../index.js';
import { EXIT } from '../command.errors.js';
import { type Output, printable, table } from '../output/output.js';
import type { CacheRemote, EntryView } from '../remote/cache-remote.port.js';

const PAGE_LIMIT = 500;

/** Prints the statistics of one process. */
export async function stats(remote: CacheRemote, output: Output, isOfApplication: boolean): Promise<number> {
  const answer = await remote.stats();
  output.result(answer, () => statsTable(answer));
  if (output.isTerminal && !isOfApplication)
    output.note('Counters are those of one process, here of this command. For those of the application use --admin.');
  return EXIT.done;
}

/** Prints the statistics of all processes, and their sums. */
export async function clusterStats(remote: CacheRemote, output: Output): Promise<number> {
  const answer = await remote.clusterStats();
  output.result(answer, () => `${processTable(answer)}\n${statsTable(answer.total)}`);
  return EXIT.done;
}

/** Prints the entries, page by page. */
export async function list(
  remote: CacheRemote,
  output: Output,
  { limit = Infinity, ...query }: { namespace?: string; pattern?: string; limit?: number },
): Promise<number> {
  let count = 0;
  let cursor: string | undefined;
  do {
    const page = await remote.list({
      ...query,
      ...(cursor === undefined ? {} : { cursor }),
      limit: Math.min(PAGE_LIMIT, limit - count),
    });
    const entries = page.entries.slice(0, limit - count);
    count += entries.length;
    if (output.isTerminal && entries.length > 0) output.result(entries, () => entryTable(entries));
    if (!output.isTerminal) for (const entry of entries) output.result(entry, () => '');
    cursor = page.cursor;
  } while (cursor !== undefined && count < limit);
  if (output.isTerminal) output.note(count === 0 ? 'Found no entry.' : `${count} entries.`);
  return count === 0 ? EXIT.nothing : EXIT.done;
}

/** Prints one entry with its value, if the application shows values. */
export async function get(
  remote: CacheRemote,
  output: Output,
  { key, namespace }: { key: string; namespace: string | undefined },
): Promise<number> {
  const entry = await remote.get(key, namespace);
  if (entry === undefined) {
    output.note(`Found no entry under '${printable(key)}'${namespace === undefined ? '' : ` in '${namespace}'`}.`);
    return EXIT.nothing;
  }
  output.result(entry, () => entryText(entry));
  if (!('value' in entry))
    output.note("The application hides values. With `admin: { values: 'shown' }` it shows them.");
  return EXIT.done;
}

/** Prints why the next read of a key hits or misses. */
export async function explain(
  remote: CacheRemote,
  output: Output,
  { key, namespace }: { key: string; namespace: string | undefined },
): Promise<number> {
  const answer = await remote.explain(key, namespace);
  output.result(answer, () => explanationText(answer));
  return answer.state === 'absent' ? EXIT.nothing : EXIT.done;
}

/** Prints the findings about a running application. */
export async function doctor(remote: CacheRemote, output: Output): Promise<number> {
  const { findings } = await remote.doctor();
  if (!output.isTerminal) for (const finding of findings) output.result(finding, () => '');
  else if (findings.length === 0) output.note('Found no problem.');
  else
    output.result(findings, () =>
      findings.map(({ level, problem, fix }) => printable(`${level}: ${problem} ${fix}`)).join('\n'),
    );
  return findings.some(({ level }) => level === 'error') ? EXIT.nothing : EXIT.done;
}

function statsTable(stats: CacheStats): string {
  return table(
    ['', `cache ${stats.name}`],
    [
      ['backend', stats.backend],
      ['status', stats.status],
      ['since', stats.since],
      ['entries', stats.totalEntries],
      ['bytes', stats.memoryUsageBytes],
      ['hits', stats.totalHits],
      ['misses', stats.totalMisses],
      ['hit rate', percent(stats.hitRate)],
      ['stale hits', stats.staleHits],
      ['loads', stats.loads.count],
      ['failed loads', stats.loads.failures],
      ['invalidations', stats.invalidations],
      ['evictions', stats.evictions],
      ['errors', stats.errors],
    ],
  );
}

function processTable({ processes }: ClusterStats): string {
  return table(
    ['process', 'host', 'since', 'status', 'hits', 'misses', 'hit rate'],
    processes.map(({ pid, host, since, stats: { status, totalHits, totalMisses, hitRate } }) => [
      pid,
      host,
      since,
      status,
      totalHits,
      totalMisses,
      percent(hitRate),
    ]),
  );
}

function entryTable(entries: readonly EntryView[]): string {
  return table(
    ['key', 'namespace', 'tags', 'state', 'hits', 'bytes', 'expires'],
    entries.map(({ key, namespace, tags, state, hitCount, sizeBytes, expiresAt }) => [
      key,
      namespace,
      tags.join(' '),
      state,
      hitCount,
      sizeBytes,
      expiresAt ?? 'never',
    ]),
  );
}

function entryText({ value, ...entry }: EntryView): string {
  const shown = value === undefined ? '' : `\n${JSON.stringify(value, undefined, 2)}`;
  return `${entryTable([entry])}${shown}`;
}

function explanationText(answer: CacheExplanation): string {
  const { key, state, nextRead, reason, storedKey, tiers, tags } = answer;
  return [
    `The next read of '${key}' is a ${nextRead}. ${reason}`,
    `State: ${state}. Stored key: ${storedKey}.`,
    `Tiers: ${tiers.map((tier) => `${tier.name} (${tier.state})`).join(', ')}.`,
    ...(tags.length === 0 ? [] : [`Tags: ${tags.join(', ')}.`]),
  ]
    .map(printable)
    .join('\n');
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
