import { checkKey, checkKeys } from '../../core/vocabulary/cache-key.js';
import { checkNames } from '../../core/vocabulary/option-checks.js';
import { checkTables } from '../queries/table-tags.js';

export interface CacheIdOptions {
  /** Tables that the query reads and that no entity has, such as `['legacy_orders']`. @default none */
  readonly tables?: readonly string[];
  /** Tags: `cache.invalidateTags([...])` invalidates the result. @default none */
  readonly tags?: readonly string[];
}

/** An id of a cached query, read. */
export interface ReadId {
  /** As TypeORM gives it; empty for a query without an id. */
  readonly given: string;
  /** The id, and the ids that TypeORM has derived it from. None for a query without an id. */
  readonly ids: readonly string[];
  readonly tables: readonly string[];
  readonly tags: readonly string[];
}

const NO_ID: ReadId = { given: '', ids: [], tables: [], tags: [] };
const PREFIX = 'cache-kit:';
/** TypeORM puts these behind the id of a query that it runs as several. */
const DERIVED = /-(?:count|pagination)$/;

/**
 * Makes the id of a cached query that says more about it: `.cache(cacheId('report', { tables: ['legacy_orders'] }))`.
 * `dataSource.queryResultCache.remove(['report'])` removes its result.
 * @throws CacheConfigError for a wrong option, CacheKeyError for an id or a tag that is no text
 */
export function cacheId(id: string, options: CacheIdOptions): string {
  checkKey(id, 'key');
  checkNames(options, ['tables', 'tags'], 'cacheId().');
  const { tables = [], tags = [] } = options;
  if (options.tables !== undefined) checkTables(tables);
  checkKeys(tags, 'tag');
  return PREFIX + JSON.stringify([id, tables, tags]);
}

/** Reads the id that TypeORM hands over. */
export function readId(identifier: string | undefined): ReadId {
  if (identifier === undefined || identifier === '') return NO_ID;
  const given = [identifier];
  for (let id = identifier; DERIVED.test(id);) given.push((id = id.replace(DERIVED, '')));
  const base = given.at(-1) as string;
  const plain = { ...NO_ID, given: identifier, ids: given };
  if (!base.startsWith(PREFIX)) return plain;
  try {
    const [id, tables, tags] = JSON.parse(base.slice(PREFIX.length)) as [string, string[], string[]];
    return { given: identifier, ids: [id], tables, tags };
  } catch {
    return plain;
  }
}
