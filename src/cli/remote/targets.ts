/** The address of a cache in Redis. */
export interface RedisTarget {
  readonly kind: 'redis';
  readonly url: string;
  readonly prefix: string | undefined;
  readonly cache: string | undefined;
  readonly version: string | undefined;
}

/** The admin routes of a running application. */
export interface AdminTarget {
  readonly kind: 'admin';
  /** Without credentials and without a slash at the end. */
  readonly url: string;
  readonly headers: Headers;
}
