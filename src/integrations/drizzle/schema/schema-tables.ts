import { schemaEntity, type SchemaTable, type SchemaView } from './schema-entities.js';
import type { SqlStatement } from '../sql/sql-statement.js';
import type { SqlDialect } from '../sql/sql-tokens.js';

/** The tables that a query reads. */
export interface ReadTables {
  /** Tables and views with their names of the schema. */
  readonly tables: readonly string[];
  /** Names without a schema, for tables that have one: any of them may be meant. */
  readonly bare: readonly string[];
  /** The first name that belongs to nothing known. */
  readonly unknown: string | undefined;
  /** As in the statement, or in the query of a view that it reads. */
  readonly hindrance: string | undefined;
  readonly obscurity: string | undefined;
}

interface Found {
  readonly tables: Set<string>;
  readonly bare: Set<string>;
  unknown: string | undefined;
  hindrance: string | undefined;
  obscurity: string | undefined;
}

/** The tables and views of a Drizzle schema, found by the names of SQL statements. */
export class SchemaTables {
  readonly #dialect: SqlDialect;
  readonly #readQuery: (query: unknown) => SqlStatement;
  readonly #byName = new Map<string, SchemaTable | SchemaView>();
  readonly #byBareName = new Map<string, (SchemaTable | SchemaView)[]>();

  /**
   * @param objects tables, views, and anything else that a schema may hold
   * @param readQuery reads the query of a view
   */
  constructor(objects: readonly unknown[], dialect: SqlDialect, readQuery: (query: unknown) => SqlStatement) {
    this.#dialect = dialect;
    this.#readQuery = readQuery;
    for (const entity of objects.map(schemaEntity)) {
      if (entity === undefined) continue;
      const bare = this.#folded(bareName(entity.name));
      this.#byName.set(this.#folded(entity.name), entity);
      this.#byBareName.set(bare, [...(this.#byBareName.get(bare) ?? []), entity]);
    }
  }

  /** Finds the tables of a query. @param passed the tables that Drizzle passes with it */
  readBy(statement: SqlStatement, passed: readonly string[]): ReadTables {
    const found: Found = { tables: new Set(passed), bare: new Set(), unknown: undefined, ...reasonsOf(statement) };
    this.#collect(statement, new Set(passed.map((name) => this.#folded(name))), found, new Set());
    return { ...found, tables: [...found.tables], bare: [...found.bare] };
  }

  /**
   * The tables that a statement writes: those it names, those that Drizzle passes, and those whose rows the foreign
   * keys of the schema change with them.
   */
  writtenBy({ writes, changes }: SqlStatement, passed: readonly string[]): string[] {
    // A name with a schema may be that of a table which the schema names without.
    const named = writes.flatMap((name) => (this.#byName.has(this.#folded(name)) ? [name] : [name, bareName(name)]));
    const written = new Set([...passed, ...named.map((name) => this.#byName.get(this.#folded(name))?.name ?? name)]);
    for (const name of written) {
      for (const { name: other, references } of this.#tables()) {
        if (references.some(({ of, changes: by }) => isSame(of, name) && by.some((change) => changes.has(change))))
          written.add(other);
      }
    }
    return [...written];
  }

  #collect({ reads, named }: SqlStatement, passed: ReadonlySet<string>, found: Found, seen: Set<string>): void {
    for (const name of reads) {
      const key = this.#folded(name);
      const entities = this.#entitiesOf(key);
      if (passed.has(key) || entities.length > 0) this.#add(name, entities, found, seen);
      else if (!named.has(name)) found.unknown ??= name;
    }
  }

  #add(name: string, entities: readonly (SchemaTable | SchemaView)[], found: Found, seen: Set<string>): void {
    if (entities.some((entity) => entity.name !== name) && !name.includes('.')) found.bare.add(name);
    found.tables.add(name);
    for (const entity of entities) {
      found.tables.add(entity.name);
      if (entity.kind === 'view' && !seen.has(entity.name)) this.#addView(entity, found, seen.add(entity.name));
    }
  }

  #addView({ name, query }: SchemaView, found: Found, seen: Set<string>): void {
    if (query === undefined) {
      found.unknown ??= name;
      return;
    }
    const statement = this.#readQuery(query);
    const { hindrance, obscurity } = reasonsOf(statement);
    found.hindrance ??= hindrance;
    found.obscurity ??= obscurity;
    this.#collect(statement, new Set(), found, seen);
  }

  /** A name without a schema may be that of a table in some schema; one with a schema, that of a table without one. */
  #entitiesOf(key: string): readonly (SchemaTable | SchemaView)[] {
    const exact = this.#byName.get(key);
    if (exact !== undefined) return [exact];
    const alike = this.#byBareName.get(bareName(key)) ?? [];
    return key.includes('.') ? alike.filter(({ name }) => !name.includes('.')) : alike;
  }

  *#tables(): Iterable<SchemaTable> {
    for (const entity of this.#byName.values()) if (entity.kind === 'table') yield entity;
  }

  /** MySQL, on some systems, and SQLite do not tell names apart by the case of their letters. */
  #folded(name: string): string {
    return this.#dialect === 'postgres' ? name : name.toLowerCase();
  }
}

function reasonsOf({ hindrance, obscurity }: SqlStatement): Pick<Found, 'hindrance' | 'obscurity'> {
  return { hindrance, obscurity };
}

/** True for names of one table, also when one of them lacks the schema. */
function isSame(a: string, b: string): boolean {
  return a === b || ((!a.includes('.') || !b.includes('.')) && bareName(a) === bareName(b));
}

function bareName(name: string): string {
  return name.slice(name.lastIndexOf('.') + 1);
}
