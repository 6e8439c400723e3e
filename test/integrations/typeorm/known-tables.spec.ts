import 'reflect-metadata';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Column, DataSource, Entity, ManyToOne, PrimaryGeneratedColumn, type Relation, ViewEntity } from 'typeorm';
import { KnownTables } from '../../../src/integrations/typeorm/known-tables.js';

@Entity({ name: 'my "table"' })
class Odd {
  @PrimaryGeneratedColumn()
  id!: number;
}

@Entity({ name: 'Größe' })
class Parent {
  @PrimaryGeneratedColumn()
  id!: number;
}

@Entity({ name: 'child' })
class Child {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Parent, { onDelete: 'SET NULL' })
  parent!: Relation<Parent> | null;
}

@Entity({ name: 'renamed' })
class Renamed {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Parent, { onUpdate: 'CASCADE' })
  parent!: Relation<Parent>;
}

@Entity({ name: 'strict' })
class Strict {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  text!: string;

  @ManyToOne(() => Renamed)
  renamed!: Relation<Renamed>;
}

@ViewEntity({ name: 'raw_view', expression: 'SELECT 1 FROM legacy, strict' })
class RawView {}

@ViewEntity({ name: 'named_view', synchronize: false, dependsOn: [Strict] })
class NamedView {}

@ViewEntity({
  name: 'broken_view',
  synchronize: false,
  expression: () => {
    throw new Error('no');
  },
})
class BrokenView {}

let db: DataSource;
let tables: KnownTables;

beforeAll(async () => {
  const entities = [Odd, Parent, Child, Renamed, Strict, RawView, NamedView, BrokenView];
  db = await new DataSource({ type: 'sqljs', entities }).initialize();
  // The databases of sql.js have no schemas.
  db.getMetadata(Child).tablePath = 'archive.child';
  tables = new KnownTables(db);
});

afterAll(() => db.destroy());

const found = (sql: string): string[] => [...tables.mentionedIn(sql).paths].sort();

describe('the known tables', () => {
  it.each<[string, string[]]>([
    ['SELECT 1', []],
    ['SELECT * FROM strict', ['strict']],
    ['SELECT * FROM a, Strict', ['strict']],
    ['SELECT * FROM a WHERE b IN (SELECT c FROM d JOIN "strict" ON true)', ['strict']],
    ['SELECT * FROM strict_tables, "unstrict", $strict', []],
    ['SELECT "größe"."id" FROM "Größe" "größe"', ['Größe']],
    ['SELECT * FROM Größen', []],
    ['SELECT * FROM "archive"."child"', ['archive.child']],
    ['SELECT * FROM child', ['archive.child']],
    ['SELECT * FROM "my ""table"""', ['my "table"']],
    ['SELECT * FROM [my "table"]', ['my "table"']],
    ['SELECT * FROM raw_view', ['legacy', 'raw_view', 'strict']],
    ['SELECT * FROM named_view', ['named_view', 'strict']],
  ])('are found in: %s', (sql, paths) => {
    expect(found(sql)).toEqual(paths);
  });

  it('are unknown for a view whose query cannot be had', () => {
    expect(tables.mentionedIn('SELECT * FROM broken_view').opaqueView).toBe('broken_view');
    expect(tables.mentionedIn('SELECT * FROM raw_view, named_view, strict').opaqueView).toBeUndefined();
  });

  it.each<[string, Parameters<KnownTables['changedWith']>[1], string[]]>([
    ['Größe', 'none', []],
    ['Größe', 'updated', ['renamed']],
    ['Größe', 'deleted', ['archive.child', 'renamed']],
    ['Größe', 'all', ['archive.child', 'renamed', 'strict']],
    ['renamed', 'deleted', []],
  ])('that are changed with %s by rows that are %s', (table, reach, others) => {
    expect(tables.changedWith([table], reach).sort()).toEqual([table, ...others].sort());
  });
});
