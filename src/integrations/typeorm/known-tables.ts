import type { DataSource, EntityMetadata } from 'typeorm';
import { namedTables, type Reach } from './statement.js';

/** The table or view of an entity, a join table, or a closure table. */
interface KnownTable {
  /** As TypeORM names it: with database and schema, if it has them. */
  readonly path: string;
  /** The forms that the last part of the path has in SQL, in small letters. */
  readonly spellings: readonly string[];
  /** `undefined` for a table. */
  readonly view: View | undefined;
}

interface View {
  /** Its query, if the entity has one. */
  readonly sql: string | undefined;
  /** Paths of the tables that the entity says it depends on. */
  readonly dependsOn: readonly string[];
}

/** A foreign key that lets a write of one table change rows of another. */
interface Dependence {
  readonly table: string;
  readonly on: string;
  readonly isChangedBy: ReadonlySet<Reach>;
}

/** The known tables that a statement names. */
export interface Mention {
  readonly paths: readonly string[];
  /** A view among them that does not tell what it reads. */
  readonly opaqueView: string | undefined;
}

const CHANGES_ROWS = /^(?:CASCADE|SET NULL|SET DEFAULT)$/i;
const WORD = /[\w$\u0080-\uffff]/;
/** Clauses whose words are also usual names of tables. Such a table must be quoted in SQL. */
const CLAUSES = /\b(?:order|group)\s+by\b/gi;

/** The tables of a data source, found by their names in SQL. */
export class KnownTables {
  readonly #tables: ReadonlyMap<string, KnownTable>;
  readonly #dependences: readonly Dependence[];

  /** @param dataSource with its entities loaded */
  constructor(dataSource: DataSource) {
    const { entityMetadatas } = dataSource;
    this.#tables = new Map(
      entityMetadatas.map((metadata) => [metadata.tablePath, knownTable(metadata, dataSource)] as const),
    );
    this.#dependences = entityMetadatas.flatMap(dependencesOf);
  }

  /**
   * Finds the tables whose names stand anywhere in the statement, also as names of something else, and the tables that
   * its views read.
   */
  mentionedIn(sql: string): Mention {
    const paths = new Set<string>();
    this.#collect(sql, paths);
    return { paths: [...paths], opaqueView: [...paths].find((path) => isOpaque(this.#tables.get(path)?.view)) };
  }

  /** Adds the tables whose rows are changed with those of `paths`, by foreign keys. */
  changedWith(paths: readonly string[], reach: Reach): string[] {
    const changed = new Set(paths);
    for (const path of changed) {
      const dependent = this.#dependences.filter(({ on, isChangedBy }) => on === path && isChangedBy.has(reach));
      for (const { table } of dependent) changed.add(table);
    }
    return [...changed];
  }

  #collect(sql: string, paths: Set<string>): void {
    const text = sql.replace(CLAUSES, ' ').toLowerCase();
    for (const { path, spellings } of this.#tables.values())
      if (spellings.some((name) => hasName(text, name))) this.#add(path, paths);
  }

  #add(path: string, paths: Set<string>): void {
    if (paths.has(path)) return;
    paths.add(path);
    const view = this.#tables.get(path)?.view;
    if (view === undefined) return;
    for (const base of view.dependsOn) this.#add(base, paths);
    if (view.sql === undefined) return;
    for (const name of namedTables(view.sql)) paths.add(name);
    this.#collect(view.sql, paths);
  }
}

function knownTable(metadata: EntityMetadata, dataSource: DataSource): KnownTable {
  const { tablePath } = metadata;
  const name = tablePath.slice(tablePath.lastIndexOf('.') + 1);
  const inSql = [name, name.replaceAll('"', '""'), name.replaceAll('`', '``')];
  return {
    path: tablePath,
    spellings: [...new Set(inSql.map((spelling) => spelling.toLowerCase()))],
    view: metadata.tableType === 'view' ? viewOf(metadata, dataSource) : undefined,
  };
}

function viewOf({ expression, dependsOn }: EntityMetadata, source: DataSource): View {
  const targets = [...(dependsOn ?? [])];
  return {
    sql: queryOf(expression, source),
    dependsOn: source.entityMetadatas
      .filter(({ target, name }) => targets.includes(target) || targets.includes(name))
      .map(({ tablePath }) => tablePath),
  };
}

function queryOf(expression: EntityMetadata['expression'], dataSource: DataSource): string | undefined {
  if (typeof expression !== 'function') return expression;
  try {
    return expression(dataSource).getQuery();
  } catch {
    // TypeORM itself reports it when it makes the view.
    return undefined;
  }
}

function isOpaque(view: View | undefined): boolean {
  return view !== undefined && view.sql === undefined && view.dependsOn.length === 0;
}

function dependencesOf({ foreignKeys }: EntityMetadata): Dependence[] {
  return foreignKeys.map(({ entityMetadata, referencedEntityMetadata, onDelete, onUpdate }) => {
    const isChangedBy = new Set<Reach>(['all']);
    if (CHANGES_ROWS.test(onUpdate ?? '')) isChangedBy.add('updated').add('deleted');
    if (CHANGES_ROWS.test(onDelete ?? '')) isChangedBy.add('deleted');
    return { table: entityMetadata.tablePath, on: referencedEntityMetadata.tablePath, isChangedBy };
  });
}

/** True when the text has the name as a whole word. */
function hasName(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!WORD.test(text.charAt(at - 1)) && !WORD.test(text.charAt(at + name.length))) return true;
  }
  return false;
}
