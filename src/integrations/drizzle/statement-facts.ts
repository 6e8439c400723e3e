import { createHash } from 'node:crypto';
import { BoundedMap } from '../../core/vocabulary/bounded-map.js';
import type { QueryPlace } from '../queries/query-cache.js';
import { passedTables, type PreparedQuery } from './drizzle-internals.js';
import type { ReadTables, SchemaTables } from './schema/schema-tables.js';
import { readStatement } from './sql/sql-statement.js';
import type { SqlDialect } from './sql/sql-tokens.js';

/** What is known of a statement from its text. */
export interface StatementFacts {
  /** The tables that it reads, and a digest of the text. */
  readonly label: string;
  readonly read: ReadTables;
  readonly written: readonly string[];
  /** The places of its results without own options, by the form of the result. */
  readonly places: Map<string, QueryPlace | undefined>;
}

const TEXTS = 2_000;
const MAX_LABEL = 60;

/** The facts of the statements that were run lately. */
export class StatementFactsReader {
  /** By the passed tables and the SQL. */
  readonly #known = new BoundedMap<string, StatementFacts>(TEXTS);
  /** A query that is prepared once may run many times. */
  readonly #ofPrepared = new WeakMap<PreparedQuery, StatementFacts>();
  readonly #dialect: SqlDialect;
  readonly #tables: SchemaTables;

  constructor(tables: SchemaTables, dialect: SqlDialect) {
    this.#tables = tables;
    this.#dialect = dialect;
  }

  /** @param sql the statement that was prepared */
  factsOf(prepared: PreparedQuery, sql: string): StatementFacts {
    let facts = this.#ofPrepared.get(prepared);
    if (facts === undefined) this.#ofPrepared.set(prepared, (facts = this.#find(prepared, sql)));
    return facts;
  }

  #find(prepared: PreparedQuery, sql: string): StatementFacts {
    const passed = passedTables(prepared);
    const key = `${passed.join()} ${sql}`;
    return this.#known.get(key) ?? this.#known.put(key, this.#read(sql, passed, isWrite(prepared)));
  }

  #read(sql: string, passed: readonly string[], passesWritten: boolean): StatementFacts {
    const statement = readStatement(sql, this.#dialect);
    const read = this.#tables.readBy(statement, passed);
    const digest = createHash('sha256').update(sql).digest('base64url');
    return {
      label: `${read.tables.join().slice(0, MAX_LABEL)} ${digest}`,
      read,
      written: this.#tables.writtenBy(statement, passesWritten ? passed : []),
      places: new Map(),
    };
  }
}

function isWrite({ queryMetadata }: PreparedQuery): boolean {
  return queryMetadata !== undefined && ['insert', 'update', 'delete'].includes(queryMetadata.type);
}
