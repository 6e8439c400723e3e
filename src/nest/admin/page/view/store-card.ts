import { bytes, count, duration, percent } from '../model/format.js';
import type { ClusterProcess, Stats, Tier } from '../model/shapes.js';
import { facts, make, part } from './dom.js';
import { LiveTable } from './live-table.js';

/** The tiers of the cache, and how near copies learn of changes. */
export class StoreCard {
  readonly #facts = make('div');
  readonly #tiers = new LiveTable<Tier>({
    caption: 'Tiers',
    note: 'From near to far. Hits and misses are those of this process.',
    empty: 'The backend has no tiers.',
    columns: [
      { title: 'Tier', text: ({ name }) => name },
      { title: 'Entries', isNumber: true, text: ({ entries }) => count(entries) },
      { title: 'Hits', isNumber: true, text: ({ hits }) => count(hits) },
      { title: 'Misses', isNumber: true, text: ({ misses }) => count(misses) },
      { title: 'Bytes', isNumber: true, text: ({ bytes: used }) => (used === null ? '–' : bytes(used)) },
      { title: 'At most', isNumber: true, text: boundOf },
    ],
  });
  #shown = '';

  constructor() {
    this.#tiers.element.className = '';
    part('store-card').append(this.#facts, this.#tiers.element);
  }

  show(stats: Stats): void {
    this.#tiers.show(stats.tiers);
    const { coherence, latency } = stats;
    const rows = [
      ['Backend', stats.backend],
      ['Status', stats.status],
      ['Counting since', timeOf(stats.since)],
      ['Oldest entry', timeOf(stats.oldestEntry)],
      ['Newest entry', timeOf(stats.newestEntry)],
      ['Reads, p50 and p99', `${duration(latency.getP50Ms)}, ${duration(latency.getP99Ms)}`],
      ...(coherence === undefined ? [] : [coherenceRow(coherence)]),
    ] as const;
    const text = JSON.stringify(rows);
    if (text !== this.#shown) this.#facts.replaceChildren(facts(rows));
    this.#shown = text;
  }
}

/** The table of the processes of a deployment. */
export class ProcessCard {
  readonly #card = part('processes');
  readonly #table = new LiveTable<ClusterProcess>({
    caption: 'Processes',
    note: 'Each one publishes its counters every few seconds.',
    empty: 'No process has published its counters yet.',
    columns: [
      { title: 'Process', text: ({ host, pid }) => `${host} · ${pid}` },
      {
        title: 'Seen',
        isNumber: true,
        text: ({ seenMsAgo }) => `${duration(Math.round(seenMsAgo / 1_000) * 1_000)} ago`,
      },
      {
        title: 'Hit rate',
        isNumber: true,
        text: ({ stats }) => percent(stats.hitRate),
        share: ({ stats }) => stats.hitRate,
      },
      { title: 'Requests', isNumber: true, text: ({ stats }) => count(stats.totalHits + stats.totalMisses) },
      { title: 'Loads', isNumber: true, text: ({ stats }) => count(stats.loads.count) },
      { title: 'p99', isNumber: true, text: ({ stats }) => duration(stats.loads.p99Ms) },
      { title: 'Errors', isNumber: true, text: ({ stats }) => count(stats.errors) },
      { title: 'Since', text: ({ since }) => timeOf(since) },
    ],
  });

  constructor() {
    this.#table.element.className = '';
    this.#card.append(this.#table.element);
  }

  /** @param processes `undefined` hides the table */
  show(processes: readonly ClusterProcess[] | undefined): void {
    this.#card.hidden = processes === undefined;
    if (processes !== undefined) this.#table.show(processes);
  }
}

function coherenceRow({ mode, reason, isProven }: NonNullable<Stats['coherence']>): [string, string] {
  return ['Coherence', `${mode}${isProven ? ', proven' : ', not proven at this moment'}. ${reason}`];
}

function boundOf({ maxBytes, maxEntries }: Tier): string {
  const bounds = [
    ...(maxBytes === undefined ? [] : [bytes(maxBytes)]),
    ...(maxEntries === undefined ? [] : [`${count(maxEntries)} entries`]),
  ];
  return bounds.length === 0 ? '–' : bounds.join(', ');
}

function timeOf(iso: string | null): string {
  return iso === null ? '–' : new Date(iso).toLocaleString();
}
