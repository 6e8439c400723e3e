/*
 * The parts of Drizzle that `cachedDrizzle` works with. They are internal there and nearly the same in every driver, so
 * they are described once, for 0.45 and for 1.0, and checked where a database comes in.
 */

export const ENTITY_KIND = Symbol.for('drizzle:entityKind');

/** A query builder's own word: `{ enable: false }` for `.$withCache(false)`. The name is `enabled` in 1.0. */
export interface WithCacheConfig {
  readonly enable?: boolean;
  readonly enabled?: boolean;
  readonly tag?: string;
  readonly autoInvalidate?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface QueryMetadata {
  readonly type: string;
  /** A function in 1.0. */
  readonly tables: readonly string[] | (() => readonly string[]);
}

export interface PreparedQuery {
  /** Without one, Drizzle only runs the query. */
  cache: unknown;
  readonly queryMetadata?: QueryMetadata | undefined;
  /** Present where the rows are mapped to the fields of a query builder. */
  readonly fields?: unknown;
  readonly customResultMapper?: unknown;
  /** In 1.0. */
  readonly mapper?: unknown;
  /** In 1.0: the form of the rows, `raw`, `objects` or `arrays`. */
  readonly mode?: unknown;
  /** The token of `$withAuth` of neon-http. */
  readonly authToken?: unknown;
  getQuery(): { readonly sql: string };
  /** The arguments are the SQL, the parameters, in SQLite of 1.0 the called method, and what runs the query. */
  queryWithCache(...call: readonly unknown[]): Promise<unknown>;
}

export interface Session {
  readonly dialect: { sqlToQuery(query: unknown): { readonly sql: string } };
  prepareQuery(...args: readonly unknown[]): PreparedQuery;
  transaction?(work: (transaction: Transaction) => unknown, config?: unknown): unknown;
  batch?(queries: readonly unknown[]): Promise<unknown>;
  count?(...args: readonly unknown[]): Promise<number>;
}

export interface Transaction {
  readonly session: Session;
  transaction?(work: (transaction: Transaction) => unknown, config?: unknown): unknown;
}

export interface Database extends Transaction {
  readonly $cache?: unknown;
  /** `sync` for drivers that give no promises. */
  readonly resultKind?: unknown;
  readonly _?: {
    readonly fullSchema?: Readonly<Record<string, unknown>>;
    /** In 1.0. */
    readonly relations?: Readonly<Record<string, unknown>>;
  };
  /** Only with read replicas. */
  readonly $primary?: Database;
  readonly $replicas?: readonly Database[];
}

/** The class of an object, by Drizzle's own name for it: `PgliteSession`. */
export function entityKindOf(object: object): string {
  return (object.constructor as unknown as Readonly<Record<symbol, string | undefined>>)[ENTITY_KIND] ?? '';
}

/** The tables that Drizzle passes with a query. */
export function passedTables({ queryMetadata }: PreparedQuery): readonly string[] {
  const tables = queryMetadata?.tables ?? [];
  return typeof tables === 'function' ? tables() : tables;
}
