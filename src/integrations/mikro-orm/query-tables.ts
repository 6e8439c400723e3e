import type { EntityMetadata, EntityProperty } from '@mikro-orm/core';
import type { OrmFacts } from './known-orm.js';
import type { QueryKey, RootKey } from './query-key.js';

/** Options of a query that hold conditions, and those that name properties. */
const CONDITIONS = ['populateWhere', 'populateFilter', 'unionWhere', 'having'];
const LISTS = ['populate', 'orderBy', 'populateOrderBy', 'fields', 'exclude', 'groupBy'];

/** The entity that a key is for. */
export function rootOf([schema, table, discriminator]: RootKey, { entities }: OrmFacts): EntityMetadata | undefined {
  return entities.find(
    (meta) =>
      meta.tableName === table &&
      (meta.schema ?? null) === schema &&
      (meta.discriminatorValue ?? undefined) === (discriminator ?? undefined),
  );
}

/**
 * The tables that a query reads: that of its entity, and those of all relations that it populates or compares.
 * @throws Error that says why they are unknown
 */
export function tablesOfQuery({ root, options, where }: QueryKey, facts: OrmFacts): string[] {
  const meta = rootOf(root, facts);
  if (meta === undefined) throw new Error(`no entity has the table \`${root[1]}\`.`);
  const reach = new Reach(meta, facts.hasFilters);
  reach.condition(meta.properties, where);
  for (const name of CONDITIONS) reach.condition(meta.properties, options[name]);
  for (const name of LISTS) reach.names(meta.properties, options[name]);
  return [...reach.tables];
}

/** The table of an entity, and those that inheritance joins to it. */
export function tablesOfEntity(meta: EntityMetadata): string[] {
  const parents: EntityMetadata[] = [];
  for (let parent = meta.tptParent; parent !== undefined; parent = parent.tptParent) parents.push(parent);
  return [meta, meta.root, ...parents, ...descendants(meta)].map(tableOf);
}

/** The tables that a written entity touches; for a deleted one, also those that the database may change by itself. */
export function tablesOfWrite(meta: EntityMetadata, isDeleted: boolean): string[] {
  const seen = new Set<EntityMetadata>([meta]);
  if (isDeleted) for (const each of seen) for (const { meta: other } of each.referencingProperties) seen.add(other);
  return [...seen].flatMap((each) => [...tablesOfEntity(each), ...(isDeleted ? pivotTablesOf(each) : [])]);
}

type Properties = Readonly<Record<string, EntityProperty>>;

class Reach {
  readonly tables = new Set<string>();
  readonly #root: EntityMetadata;
  readonly #hasFilters: boolean;

  constructor(root: EntityMetadata, hasFilters: boolean) {
    this.#root = root;
    this.#hasFilters = hasFilters;
    this.#enter(root);
  }

  /** Follows the relations in a condition. @throws Error for a name that is no property, such as that of a subquery */
  condition(properties: Properties, value: unknown): void {
    if (Array.isArray(value)) for (const item of value) this.condition(properties, item);
    else if (typeof value === 'object' && value !== null)
      for (const [name, inner] of Object.entries(value)) {
        const prop = properties[name];
        if (prop === undefined && !name.startsWith('$') && !name.includes('~~~'))
          throw new Error(`\`${name}\` in its condition is no property, so that its tables are unknown.`);
        if (prop === undefined) this.condition(properties, inner);
        else this.#compare(prop, inner);
      }
    else refuseRaw(value);
  }

  /** Follows the relations in an order, or in a list of properties to populate or select. */
  names(properties: Properties, value: unknown): void {
    if (typeof value === 'string') this.#follow(properties, value);
    else if (Array.isArray(value)) for (const item of value) this.names(properties, item);
    else if (typeof value === 'object' && value !== null) this.#named(properties, value);
  }

  /** An order, `{ author: { name: 'asc' } }`, or a relation to populate, `{ field: 'author', children: [...] }`. */
  #named(properties: Properties, value: object): void {
    const { field, children } = value as { field?: unknown; children?: unknown };
    if (typeof field === 'string' && !('field' in properties && children === undefined))
      return this.names(this.#follow(properties, field), children);
    for (const [name, inner] of Object.entries(value))
      if (properties[name] !== undefined) this.names(this.#through(properties[name]) ?? {}, inner);
  }

  #compare(prop: EntityProperty, inner: unknown): void {
    const next = this.#through(prop);
    if (next !== undefined) this.condition(next, inner);
    else if (/"(raw|sql)\('/.test(JSON.stringify(inner))) refuseRaw("raw('')");
  }

  /** A path such as `author.books` leads over several relations. @returns the properties at its end */
  #follow(properties: Properties, path: string): Properties {
    refuseRaw(path);
    let current = properties;
    for (const name of path.replace(/:.*/, '').split('.')) {
      const prop = current[name];
      current = (prop && this.#through(prop)) ?? {};
    }
    return current;
  }

  /** The properties behind one that is a relation, or is embedded. */
  #through(prop: EntityProperty): Properties | undefined {
    const { targetMeta, pivotTable, polymorphic, through, name, embeddedProps } = prop;
    if (polymorphic === true || through !== undefined)
      throw new Error(`the relation \`${name}\` leads to several tables, which its key does not name.`);
    if (targetMeta === undefined) return embeddedProps as Properties | undefined;
    if (pivotTable) this.tables.add(pivotTable);
    this.#enter(targetMeta);
    return targetMeta.properties;
  }

  /** Adds the tables of an entity. @throws Error where its rows come from more than its tables */
  #enter(meta: EntityMetadata): void {
    if (meta.virtual === true || meta.view !== undefined || meta.expression !== undefined)
      throw new Error(`\`${meta.className}\` is a view, or made of an expression: its tables are unknown.`);
    if (meta.props.some((prop) => prop.formula !== undefined))
      throw new Error(`\`${meta.className}\` has a formula, whose tables are unknown.`);
    if (meta !== this.#root && (this.#hasFilters || Object.keys(meta.filters).length > 0))
      throw new Error(
        `\`${meta.className}\` has filters, and those of related entities are not in MikroORM's key: rows of one ` +
          'filter would be served for another. Query the entity itself, or take `cache` away.',
      );
    for (const table of tablesOfEntity(meta)) this.tables.add(table);
  }
}

function refuseRaw(value: unknown): void {
  if (typeof value === 'string' && /^(raw|sql)\('/.test(value))
    throw new Error('it has raw SQL, whose tables are unknown.');
}

function descendants(meta: EntityMetadata): EntityMetadata[] {
  return (meta.tptChildren ?? []).flatMap((child) => [child, ...descendants(child)]);
}

function tableOf({ schema, tableName }: EntityMetadata): string {
  return schema === undefined || schema === '*' ? tableName : `${schema}.${tableName}`;
}

function pivotTablesOf(meta: EntityMetadata): string[] {
  return meta.props.flatMap(({ pivotTable }) => (pivotTable ? [pivotTable] : []));
}
