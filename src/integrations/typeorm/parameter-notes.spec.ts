import { describe, expect, it } from '@jest/globals';
import type { DataSource } from 'typeorm';
import { ParameterNotes } from './parameter-notes.js';

type Made = [string, unknown[]];

function notesOf(...made: Made): { notes: ParameterNotes; make: () => unknown } {
  const driver = { escapeQueryWithParameters: (): Made => made };
  const notes = new ParameterNotes({ driver } as unknown as DataSource);
  return { notes, make: () => (driver.escapeQueryWithParameters as () => unknown)() };
}

const named = (sql: string, parameters: unknown[]): string => `${sql} -- PARAMETERS: ${JSON.stringify(parameters)}`;

describe('the parameters of a query', () => {
  it('are those that the driver has just got, with their types', () => {
    const parameters = [new Date(0), NaN, 1];
    const { notes, make } = notesOf('SELECT ?', parameters);

    expect(make()).toEqual(['SELECT ?', parameters]);
    expect(notes.statementOf(named('SELECT ?', parameters))).toEqual({ sql: 'SELECT ?', parameters });
  });

  it('are those of their text when the driver has made another statement since', () => {
    const { notes, make } = notesOf('SELECT ? AS other', [2]);
    make();
    const query = named("SELECT ' -- PARAMETERS: ', ?", ['a']);

    expect(notes.statementOf(query)).toEqual({ sql: "SELECT ' -- PARAMETERS: ', ?", parameters: [query] });
  });

  it('are those of their text when the driver has made the same statement with others since', () => {
    const { notes, make } = notesOf('SELECT ?', [2]);
    make();
    const query = named('SELECT ?', [1]);

    expect(notes.statementOf(query)).toEqual({ sql: 'SELECT ?', parameters: [query] });
  });

  it('are the contents of those that TypeORM has wrapped for SQL Server', () => {
    const wrapped = { '@instanceof': Symbol.for('MssqlParameter'), value: 'a', type: 'varchar', params: [20] };
    const { notes, make } = notesOf('SELECT @0', [wrapped]);
    make();

    expect(notes.statementOf(named('SELECT @0', [wrapped]))).toMatchObject({ parameters: [['varchar', 'a', [20]]] });
  });
});
