/** The part of Prisma's runtime data model that is needed: fields of models, and the names of tables. */
export interface DataModel {
  readonly models: Readonly<Record<string, Model>>;
}

interface Model {
  readonly dbName?: string | null;
  readonly schema?: string | null;
  readonly fields: readonly Field[];
}

interface Field {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
  readonly relationName?: string;
}

/** Arguments that delete rows, for which the database may delete or change others. */
const DELETES = ['delete', 'deleteMany'];

/** Tells the tables that a call reads or writes. */
export class ModelTables {
  readonly #models: ReadonlyMap<string, Model>;

  constructor({ models }: DataModel) {
    this.#models = new Map(Object.entries(models));
  }

  /** The tables of a query: that of the model, and those of all relations that the arguments name. */
  ofQuery(model: string, args: unknown): string[] {
    const found = new Set<string>();
    this.#walk(model, args, { found, isDeleting: false });
    return this.#tablesOf(found);
  }

  /** The tables of a write. One that deletes touches all related models, whose rows the database may change. */
  ofWrite(model: string, operation: string, args: unknown): string[] {
    const walk: Walk = { found: new Set(), isDeleting: DELETES.includes(operation) };
    this.#walk(model, args, walk);
    if (walk.isDeleting)
      for (const each of walk.found) for (const { type } of this.#relationsOf(each)) walk.found.add(type);
    return this.#tablesOf(walk.found);
  }

  #walk(model: string, value: unknown, walk: Walk): void {
    walk.found.add(model);
    if (Array.isArray(value)) for (const item of value) this.#walk(model, item, walk);
    else if (isPlain(value))
      for (const [name, inner] of Object.entries(value)) {
        if (inner === undefined) continue;
        if (DELETES.includes(name)) walk.isDeleting = true;
        const relation = this.#relationsOf(model).find((field) => field.name === name);
        // A relation may have the name of an argument, such as `include`: then it is taken for both.
        if (relation === undefined || isArgument(name)) this.#walk(model, inner, walk);
        if (relation !== undefined) this.#walk(relation.type, inner, walk);
      }
  }

  #relationsOf(model: string): readonly Field[] {
    return this.#models.get(model)?.fields.filter(({ kind }) => kind === 'object') ?? [];
  }

  #tablesOf(models: ReadonlySet<string>): string[] {
    return [...models].map((name) => {
      const { dbName, schema } = this.#models.get(name) ?? {};
      const table = dbName ?? name;
      return schema === undefined || schema === null ? table : `${schema}.${table}`;
    });
  }
}

interface Walk {
  readonly found: Set<string>;
  isDeleting: boolean;
}

function isArgument(name: string): boolean {
  return /^(include|select|omit|where|orderBy|data|create|update|set|is|isNot|some|every|none|_count)$/.test(name);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}
