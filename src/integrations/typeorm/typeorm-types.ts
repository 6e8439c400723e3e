import type { DataSource, EntitySubscriberInterface } from 'typeorm';

/** TypeORM's port for a cache of results, which its root entry does not export. */
export type QueryResultCache = NonNullable<DataSource['queryResultCache']>;

/** A query that is looked up, or its result. */
export type QueryResultCacheOptions = Parameters<QueryResultCache['storeInCache']>[0];

/** A statement that has run, or failed. */
export type AfterQueryEvent = Parameters<NonNullable<EntitySubscriberInterface['afterQuery']>>[0];
