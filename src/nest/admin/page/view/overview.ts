import { bytes, count, duration, percent, rate } from '../model/format.js';
import { ratesOf, type Sample } from '../model/history.js';
import type { Stats, Tier } from '../model/shapes.js';
import { make, part, say, shareBar } from './dom.js';
import { Plot } from './plot.js';

/** The numbers and plots at the top. */
export class Overview {
  readonly #hitRate = new Plot({ title: 'Hit rate', format: percent, top: 1 });
  readonly #requests = new Plot({ title: 'Requests per second', format: rate });
  readonly #loads = new Plot({ title: 'Load time, p99', format: duration });
  readonly #saved = new Tile('Time saved today');
  readonly #memory = new Tile('Memory');
  readonly #stored = new Tile('Entries');
  readonly #evictions = new Tile('Evictions');
  readonly #errors = new Tile('Errors');

  constructor() {
    part('plots').append(this.#hitRate.element, this.#requests.element, this.#loads.element);
    const tiles = [this.#saved, this.#memory, this.#stored, this.#evictions, this.#errors];
    part('tiles').append(...tiles.map(({ element }) => element));
  }

  show(stats: Stats, history: readonly Sample[]): void {
    const rates = ratesOf(history);
    const hitRate = rates.hitRate.at(-1)?.value ?? null;
    const { loads } = stats;
    this.#hitRate.show(
      {
        big: percent(hitRate ?? stats.hitRate),
        note: `${percent(stats.hitRate)} since the start · ${count(stats.staleHits)} stale`,
      },
      rates.hitRate,
    );
    this.#requests.show(
      {
        big: rate(rates.requests.at(-1)?.value ?? 0),
        note: `${count(stats.totalHits)} hits · ${count(stats.totalMisses)} misses`,
      },
      rates.requests,
    );
    this.#loads.show(
      {
        big: duration(loads.p99Ms),
        note: `p50 ${duration(loads.p50Ms)} · ${rate(rates.loadsPerSecond)}/s · ${count(loads.count)} loads`,
      },
      rates.loadP99,
    );
    this.#showTiles(stats);
  }

  #showTiles(stats: Stats): void {
    this.#saved.show(duration(stats.savedTodayMs), `${duration(stats.loads.savedMs)} since the start`);
    const near = stats.tiers.find(({ bytes: used }) => used !== null);
    this.#memory.show(
      stats.memoryUsageBytes === null ? '–' : bytes(stats.memoryUsageBytes),
      near?.maxBytes === undefined ? 'in the store' : `of ${bytes(near.maxBytes)}`,
      near === undefined ? undefined : shareOf(near),
    );
    const bound = stats.tiers.find(({ maxEntries }) => maxEntries !== undefined);
    this.#stored.show(
      count(stats.totalEntries),
      bound?.maxEntries === undefined ? 'stored' : `at most ${count(bound.maxEntries)} in memory`,
      bound?.maxEntries === undefined ? undefined : bound.entries / bound.maxEntries,
    );
    this.#evictions.show(
      count(stats.evictions),
      `${count(stats.invalidations)} ${stats.invalidations === 1 ? 'invalidation' : 'invalidations'}`,
    );
    const failures = stats.loads.failures;
    this.#errors.show(count(stats.errors), `${count(failures)} failed ${failures === 1 ? 'load' : 'loads'}`);
    this.#errors.element.classList.toggle('bad', stats.errors > 0);
  }
}

function shareOf({ bytes: used, maxBytes }: Tier): number | undefined {
  return used === null || maxBytes === undefined ? undefined : used / maxBytes;
}

class Tile {
  readonly element: HTMLElement;
  readonly #big = make('dd', { class: 'big', text: '–' });
  readonly #note = make('dd', { class: 'note' });
  readonly #bar = shareBar();

  constructor(title: string) {
    this.#bar.element.hidden = true;
    this.element = make('div', { class: 'card tile' }, make('dt', { text: title }), this.#big, this.#note);
    this.#note.after(make('dd', {}, this.#bar.element));
  }

  show(big: string, note: string, share?: number): void {
    say(this.#big, big);
    say(this.#note, note);
    this.#bar.element.hidden = share === undefined;
    if (share !== undefined) this.#bar.show(share);
  }
}
