import { createHash } from 'node:crypto';
import type { DataSource, EntityMetadata } from 'typeorm';
import { BoundedMap } from '../../core/vocabulary/bounded-map.js';
import { KnownTables } from './known-tables.js';
import { changesSession, definesSchema, type Effect, effectOf, namedTables, reachOf } from './statement.js';

/** The facts of a statement that do not depend on its parameters. */
export interface StatementFacts {
  /** Stands for the text in keys. */
  readonly digest: string;
  readonly effect: Effect;
  /** The tables that a query reads, or that a write may change. */
  readonly tables: readonly string[];
  /** True when an entity has one of the tables. */
  readonly hasEntity: boolean;
  /** A view that does not tell what it reads. */
  readonly opaqueView: string | undefined;
  readonly definesSchema: boolean;
  readonly changesSession: boolean;
}

const REMEMBERED_STATEMENTS = 2_000;
/** A longer text, such as an insertion of many rows, hardly comes twice. */
const REMEMBERED_LENGTH = 20_000;

/** Reads statements of a data source, and remembers what it has read. */
export class Statements {
  readonly #dataSource: DataSource;
  #entities: readonly EntityMetadata[] | undefined;
  #tables: KnownTables | undefined;
  #facts = new BoundedMap<string, StatementFacts>(REMEMBERED_STATEMENTS);

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  factsOf(sql: string): StatementFacts {
    const tables = this.#knownTables();
    const known = this.#facts.get(sql);
    if (known !== undefined) return known;
    const facts = read(sql, tables);
    return sql.length > REMEMBERED_LENGTH ? facts : this.#facts.put(sql, facts);
  }

  /** TypeORM puts another list in the place of the entities when it has loaded them. */
  #knownTables(): KnownTables {
    const { entityMetadatas } = this.#dataSource;
    if (this.#tables === undefined || this.#entities !== entityMetadatas) {
      this.#entities = entityMetadatas;
      this.#tables = new KnownTables(this.#dataSource);
      this.#facts = new BoundedMap(REMEMBERED_STATEMENTS);
    }
    return this.#tables;
  }
}

function read(sql: string, known: KnownTables): StatementFacts {
  const effect = effectOf(sql);
  const { paths, opaqueView } = known.mentionedIn(sql);
  const changed = effect === 'write' ? known.changedWith(paths, reachOf(sql)) : paths;
  return {
    digest: createHash('sha256').update(sql).digest('base64url'),
    effect,
    tables: [...new Set([...changed, ...namedTables(sql)])],
    hasEntity: paths.length > 0,
    opaqueView,
    definesSchema: definesSchema(sql),
    changesSession: changesSession(sql),
  };
}
