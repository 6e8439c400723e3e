import { count, duration, percent } from '../model/format.js';
import type { KeyUse, NamespaceUse, Stats, Use } from '../model/shapes.js';
import { part } from './dom.js';
import { type Column, LiveTable } from './live-table.js';

const USE: readonly Column<Use>[] = [
  { title: 'Saved today', isNumber: true, text: ({ savedTodayMs }) => duration(savedTodayMs) },
  { title: 'Hit rate', isNumber: true, text: ({ hitRate }) => percent(hitRate), share: ({ hitRate }) => hitRate },
  { title: 'Hits', isNumber: true, text: ({ hits }) => count(hits) },
  { title: 'Misses', isNumber: true, text: ({ misses }) => count(misses) },
  { title: 'Failed loads', isNumber: true, text: ({ loadFailures }) => count(loadFailures) },
];

/** The tables of what uses the cache: methods, routes, keys and namespaces. */
export class UseTables {
  readonly #methods = new LiveTable<Use & { readonly method: string }>({
    caption: 'Methods',
    note: 'Decorated methods; the one that saved most time first.',
    empty: 'No decorated method was called yet.',
    columns: [{ title: 'Method', text: ({ method }) => method }, ...USE],
  });
  readonly #routes = new LiveTable<Use & { readonly route: string }>({
    caption: 'Routes',
    note: 'Cached routes; the one that saved most time first.',
    empty: 'No cached route was requested yet.',
    columns: [{ title: 'Route', text: ({ route }) => route }, ...USE],
  });
  readonly #keys: LiveTable<KeyUse>;
  readonly #namespaces = new LiveTable<NamespaceUse>({
    caption: 'Namespaces',
    note: 'Reads of each namespace; the most used first.',
    empty: 'No namespace was read yet.',
    columns: [
      { title: 'Namespace', text: ({ namespace }) => namespace },
      { title: 'Hit rate', isNumber: true, text: ({ hitRate }) => percent(hitRate), share: ({ hitRate }) => hitRate },
      { title: 'Hits', isNumber: true, text: ({ hits }) => count(hits) },
      { title: 'Misses', isNumber: true, text: ({ misses }) => count(misses) },
    ],
  });

  /** @param onKey explains a hot key */
  constructor(onKey: (shownKey: string) => void) {
    this.#keys = new LiveTable<KeyUse>({
      caption: 'Hot keys',
      note: 'The most used keys. Choose one to see where it is.',
      empty: 'No key was read yet.',
      columns: [
        { title: 'Key', text: ({ key }) => key, onClick: ({ key }) => onKey(key) },
        { title: 'Hits', isNumber: true, text: ({ hits }) => count(hits) },
        { title: 'Misses', isNumber: true, text: ({ misses }) => count(misses) },
      ],
    });
    const tables = [this.#methods, this.#routes, this.#keys, this.#namespaces];
    part('tables').append(...tables.map(({ element }) => element));
  }

  show({ methods, routes, hotKeys, namespaces }: Stats): void {
    this.#methods.show(methods);
    this.#routes.show(routes);
    this.#keys.show(hotKeys);
    this.#namespaces.show([...namespaces].sort((a, b) => b.hits + b.misses - a.hits - a.misses));
  }
}
