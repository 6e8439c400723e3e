import type { RedisAddress } from './redis-address.js';

/**
 * The members that a `Redis` or `Cluster` of ioredis 5 and 6 has. Declared here because the types of one major refuse
 * the clients of the other, and because the kit must compile without ioredis.
 */
export interface RedisClient {
  readonly status: string;
  readonly isCluster: boolean;
  // Methods whose parameters differ between the four classes.
  duplicate(...parameters: never[]): unknown;
  call(...parameters: never[]): Promise<unknown>;
  callBuffer(...parameters: never[]): Promise<unknown>;
  on(...parameters: never[]): unknown;
  quit(): Promise<unknown>;
  disconnect(): void;
}

/** The servers to connect to. `options` are passed to ioredis unchanged. */
export type RedisConnection =
  | { readonly kind: 'single'; readonly url: string; readonly options: object }
  | {
      readonly kind: 'cluster';
      readonly nodes: readonly (string | RedisAddress)[];
      readonly clusterOptions: object;
      readonly options: object;
    }
  | {
      readonly kind: 'sentinel';
      readonly name: string;
      readonly sentinels: readonly RedisAddress[];
      readonly options: object;
    }
  | { readonly kind: 'client'; readonly client: RedisClient };
