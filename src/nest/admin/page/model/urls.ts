import type { Address } from './shapes.js';

/** URLs of the admin routes, below the path of the page: the global prefix, the version and any proxy are in it. */
export class Urls {
  readonly #base: string;

  /** @param pathname path of the page, with or without a slash at its end */
  constructor(pathname: string) {
    this.#base = pathname.replace(/\/+$/, '');
  }

  to(route: string, query: Readonly<Record<string, string | undefined>> = {}): string {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const search = new URLSearchParams(given).toString();
    return `${this.#base}/${route}${search === '' ? '' : `?${search}`}`;
  }

  /** The key is in the query: a path cannot have `..`, nor, on Fastify, more than 100 characters. */
  ofKey(route: 'entry' | 'explain', { key, namespace }: Address): string {
    return this.to(route, { key, namespace });
  }
}

const SPECIAL = /[*?[\]\\]/;

/** The glob for the text of the search box: a part of the key, unless it has a special character of globs. */
export function globOf(text: string): string | undefined {
  if (text === '') return undefined;
  return SPECIAL.test(text) ? text : `*${text}*`;
}

/**
 * Lists the addresses that a hot key of the statistics might have: they show a key in a namespace as `namespace:key`.
 */
export function addressesOf(shownKey: string, namespaces: readonly string[]): Address[] {
  const inNamespaces = namespaces
    .filter((namespace) => shownKey.startsWith(`${namespace}:`))
    .map((namespace) => ({ namespace, key: shownKey.slice(namespace.length + 1) }));
  return [...inNamespaces, { key: shownKey }];
}
