import type { Args, Exact, PrismaPromise, Result } from '@prisma/client/runtime/client';
import type { Ttl } from '../../core/vocabulary/duration.js';

/** The caching of one query. */
export interface CacheStrategy {
  /** @default the `ttl` of `prismaCache`, else the `defaultTtl` of the cache */
  readonly ttl?: Ttl;
  /** More tags, besides those of the tables. @default none */
  readonly tags?: readonly string[];
}

/** The argument that the extension adds to reads. Without it, and with `false`, a query goes past the cache. */
interface WithStrategy {
  cacheStrategy?: CacheStrategy | false;
}

/** A read whose argument may be left out. */
type OptionalRead<F extends 'findMany' | 'findFirst' | 'findFirstOrThrow' | 'count'> = <T, A>(
  this: T,
  args?: Exact<A, Args<T, F> & WithStrategy>,
) => PrismaPromise<Result<T, A, F>>;

/** A read that needs its argument. */
type Read<F extends 'findUnique' | 'findUniqueOrThrow' | 'aggregate' | 'groupBy'> = <T, A>(
  this: T,
  args: Exact<A, Args<T, F> & WithStrategy>,
) => PrismaPromise<Result<T, A, F>>;

/** The reads of every model. */
export interface CachedOperations {
  findMany: OptionalRead<'findMany'>;
  findFirst: OptionalRead<'findFirst'>;
  findFirstOrThrow: OptionalRead<'findFirstOrThrow'>;
  findUnique: Read<'findUnique'>;
  findUniqueOrThrow: Read<'findUniqueOrThrow'>;
  count: OptionalRead<'count'>;
  aggregate: Read<'aggregate'>;
  groupBy: Read<'groupBy'>;
}

/** An extension for `prisma.$extends`. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- a client of any schema, whose type is generated
export type PrismaCacheExtension = (client: any) => {
  $extends: {
    extArgs: {
      result: {}; // eslint-disable-line @typescript-eslint/no-empty-object-type -- the form that Prisma expects
      model: { $allModels: { [F in keyof CachedOperations]: () => CachedOperations[F] } };
      query: {}; // eslint-disable-line @typescript-eslint/no-empty-object-type -- the form that Prisma expects
      client: {}; // eslint-disable-line @typescript-eslint/no-empty-object-type -- the form that Prisma expects
    };
  };
};
