import {
  type DataSource,
  type EntitySubscriberInterface,
  EventSubscriber,
  type TransactionCommitEvent,
  type TransactionRollbackEvent,
  type TransactionStartEvent,
} from 'typeorm';
import type { ResultCache } from './result-cache.js';
import type { AfterQueryEvent } from './typeorm-types.js';

const caches = new WeakMap<DataSource, ResultCache>();

/** Lets the cache of a data source receive the events of `CacheSubscriber`. */
export function subscribe(dataSource: DataSource, cache: ResultCache): void {
  caches.set(dataSource, cache);
}

/** Hands the events of a data source to its cache. TypeORM waits for the answers, and none of them rejects. */
@EventSubscriber()
export class CacheSubscriber implements EntitySubscriberInterface {
  afterQuery(event: AfterQueryEvent): Promise<void> | undefined {
    return cacheOf(event)?.ran(event);
  }

  afterTransactionStart(event: TransactionStartEvent): void {
    cacheOf(event)?.watch.began(event.queryRunner);
  }

  afterTransactionCommit(event: TransactionCommitEvent): Promise<void> | undefined {
    return cacheOf(event)?.watch.committed(event.queryRunner);
  }

  afterTransactionRollback(event: TransactionRollbackEvent): Promise<void> | undefined {
    return cacheOf(event)?.watch.rolledBack(event.queryRunner);
  }
}

/** TypeORM 0.3 calls the data source `connection`. */
function cacheOf(event: {
  readonly dataSource?: DataSource;
  readonly connection: DataSource;
}): ResultCache | undefined {
  return caches.get(event.dataSource ?? event.connection);
}
