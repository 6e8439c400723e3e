/*
 * The types of `@prisma/client/runtime/client` that prisma-types.ts names. The package is not installed here: it is 330
 * MB. Declarations that users get import the real module; test/integrations/prisma/run.sh compiles against it.
 */
declare module '@prisma/client/runtime/client' {
  export type Operation = string;
  export type Args<T, F extends Operation> = T extends Record<F, unknown> ? unknown : never;
  export type Result<T, A, F extends Operation> = T extends Record<F, unknown> ? A : never;
  export type Exact<A, W> = A & W;
  export type PrismaPromise<T> = Promise<T>;
}
