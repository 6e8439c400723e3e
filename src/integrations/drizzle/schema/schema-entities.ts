import type { SqlChange } from '../sql/sql-words.js';

/*
 * What the objects of a Drizzle schema say, read by the symbols of Drizzle's global registry: so it works for every
 * dialect, and for a copy of drizzle-orm that is not ours.
 */

const IS_TABLE = Symbol.for('drizzle:IsDrizzleTable');
const SCHEMA = Symbol.for('drizzle:Schema');
const NAME = Symbol.for('drizzle:OriginalName');
const COLUMNS = Symbol.for('drizzle:Columns');
const EXTRA_CONFIG = Symbol.for('drizzle:ExtraConfigBuilder');
const EXTRA_CONFIG_COLUMNS = Symbol.for('drizzle:ExtraConfigColumns');
const VIEW_CONFIG = Symbol.for('drizzle:ViewBaseConfig');
const MATERIALIZED = Symbol.for('drizzle:PgMaterializedViewConfig');

/** A table, or a view whose rows are stored. */
export interface SchemaTable {
  readonly kind: 'table';
  /** With the schema, if it has one. */
  readonly name: string;
  readonly references: readonly Reference[];
}

export interface SchemaView {
  readonly kind: 'view';
  readonly name: string;
  /** Its query, as an object of Drizzle; `undefined` for a view that the schema only names. */
  readonly query: unknown;
}

/** A foreign key that lets a change of the table `of` change rows of this one. */
export interface Reference {
  readonly of: string;
  readonly changes: readonly SqlChange[];
}

type Symbols = Readonly<Record<symbol, unknown>>;

interface ForeignKey {
  readonly onDelete?: string;
  readonly onUpdate?: string;
  readonly reference: () => { readonly foreignColumns: readonly { readonly table: object }[] };
}

/** The table or view that `value` is; `undefined` for anything else, such as an enum. */
export function schemaEntity(value: unknown): SchemaTable | SchemaView | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const view = (value as Symbols)[VIEW_CONFIG] as { name: string; schema?: string; query?: unknown } | undefined;
  if (view !== undefined) {
    const name = withSchema(view.name, view.schema);
    return MATERIALIZED in value ? { kind: 'table', name, references: [] } : { kind: 'view', name, query: view.query };
  }
  if (!(IS_TABLE in value)) return undefined;
  return { kind: 'table', name: tableName(value), references: foreignKeysOf(value).map(referenceOf) };
}

/** The name of a table object in SQL, with its schema. */
export function tableName(table: object): string {
  const { [NAME]: name, [SCHEMA]: schema } = table as Symbols;
  return withSchema(String(name), schema as string | undefined);
}

/** True for a table object. */
export function isTable(value: unknown): value is object {
  return typeof value === 'object' && value !== null && IS_TABLE in value;
}

function withSchema(name: string, schema: string | undefined): string {
  return schema === undefined ? name : `${schema}.${name}`;
}

function referenceOf({ onDelete, onUpdate, reference }: ForeignKey): Reference {
  const of = reference().foreignColumns[0]?.table;
  return {
    of: of === undefined ? '' : tableName(of),
    changes: [
      'truncate',
      ...(changesRows(onDelete) ? (['delete'] as const) : []),
      ...(changesRows(onUpdate) ? (['update'] as const) : []),
    ],
  };
}

function changesRows(action: string | undefined): boolean {
  return action === 'cascade' || action === 'set null' || action === 'set default';
}

/** The foreign keys of the columns, and those of the table's own configuration. */
function foreignKeysOf(table: object): ForeignKey[] {
  const inline = Object.getOwnPropertySymbols(table).find(({ description }) =>
    description?.endsWith('InlineForeignKeys'),
  );
  const own = inline === undefined ? [] : Object.values((table as Symbols)[inline] as Record<string, unknown>);
  return [...own, ...extraConfigOf(table).flatMap((part) => builtForeignKey(part, table))] as ForeignKey[];
}

function extraConfigOf(table: object): unknown[] {
  const { [EXTRA_CONFIG]: configure, [EXTRA_CONFIG_COLUMNS]: own, [COLUMNS]: columns } = table as Symbols;
  if (typeof configure !== 'function') return [];
  const parts: unknown = (configure as (columns: unknown) => unknown)(own ?? columns);
  return Array.isArray(parts) ? parts.flat(1) : Object.values(parts as object);
}

function builtForeignKey(part: unknown, table: object): unknown[] {
  const builder = part as { reference?: unknown; build?: (table: object) => unknown };
  return typeof builder.reference === 'function' && builder.build !== undefined ? [builder.build(table)] : [];
}
