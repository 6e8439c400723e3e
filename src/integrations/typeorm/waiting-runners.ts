import type { DataSource, QueryRunner } from 'typeorm';
import type { WriteWatch } from './write-watch.js';

/**
 * Lets a statement of TypeORM 0.3 end when its invalidation is done. With MySQL and sqlite3 that version waits for no
 * subscriber of `afterQuery`; version 1 does.
 */
export function waitForInvalidations(dataSource: DataSource, watch: WriteWatch): void {
  const { manager } = dataSource as { manager: { dataSource?: unknown } };
  if (manager.dataSource !== undefined) return;
  const waiting = new WeakSet<QueryRunner>();
  const create = dataSource.createQueryRunner.bind(dataSource);
  dataSource.createQueryRunner = (mode) => {
    const runner = create(mode);
    if (waiting.has(runner)) return runner;
    waiting.add(runner);
    const query = runner.query.bind(runner) as (...given: unknown[]) => Promise<never>;
    runner.query = async (...given: unknown[]): Promise<never> => {
      try {
        return await query(...given);
      } finally {
        await watch.stateOf(runner).invalidation;
      }
    };
    return runner;
  };
}
