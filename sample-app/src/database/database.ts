import { Inject } from '@nestjs/common';
import type { PgDatabase, PgQueryResultHKT } from 'drizzle-orm/pg-core';

/** What PGlite and a Postgres server have in common. */
export type Database = PgDatabase<PgQueryResultHKT>;

export const DATABASE = Symbol('the database of the shop');

export const InjectDatabase = (): ParameterDecorator => Inject(DATABASE);
