import { Inject } from '@nestjs/common';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

/** The methods that PGlite and a Postgres server share. */
export type Database = PgDatabase<PgQueryResultHKT>;

export const DATABASE = Symbol('the database of the shop');

export const InjectDatabase = (): ParameterDecorator => Inject(DATABASE);
