import { describe, expect, it } from '@jest/globals';
import type { DataSource, QueryRunner } from 'typeorm';
import type { QueryCache } from '../queries/query-cache.js';
import { Statements } from './statements.js';
import type { TransactionScopes } from './transaction-scopes.js';
import type { AfterQueryEvent } from './typeorm-types.js';
import { WriteWatch } from './write-watch.js';

/** A watch of a data source without entities, and the tables that it has invalidated. */
function watching(type: string): { watch: WriteWatch; invalidated: string[][] } {
  const dataSource = { options: { type }, entityMetadatas: [] } as unknown as DataSource;
  const invalidated: string[][] = [];
  const queries = {
    invalidateCommitted: async (tables: string[]) => void invalidated.push(tables),
  } as unknown as QueryCache;
  const scopes = { committed: () => undefined } as unknown as TransactionScopes;
  const watch = new WriteWatch({ dataSource, statements: new Statements(dataSource), scopes, queries: () => queries });
  return { watch, invalidated };
}

describe.each(['mysql', 'mariadb', 'oracle', 'sap', 'spanner', 'postgres'])(
  'a rolled back transaction of %s',
  (type) => {
    const commitsWithSchema = type !== 'postgres';

    it(`${commitsWithSchema ? 'invalidates' : 'does not invalidate'} what it wrote before a change of the schema`, async () => {
      const { watch, invalidated } = watching(type);
      const queryRunner = { isTransactionActive: true } as QueryRunner & { isTransactionActive: boolean };
      const ran = (query: string): Promise<void> => watch.ran({ query, queryRunner, success: true } as AfterQueryEvent);

      await ran('UPDATE author SET points = 1');
      await ran('TRUNCATE TABLE log');
      queryRunner.isTransactionActive = false;
      await watch.rolledBack(queryRunner);

      expect(invalidated).toEqual(commitsWithSchema ? [['author', 'log']] : []);
    });
  },
);
