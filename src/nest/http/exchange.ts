import type { IncomingHttpHeaders } from 'node:http';

export type HeaderValue = string | number | readonly string[];
/** Response headers by lower-case name. */
export type HeaderMap = Readonly<Record<string, HeaderValue | undefined>>;

/** The request that functions in options are given: the platform's own, as far as Express and Fastify agree on it. */
export interface CacheRequest {
  readonly method: string;
  /** Path and query as the client sent them, with the global prefix. */
  readonly originalUrl: string;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** With the port, and from `X-Forwarded-Host` where the platform trusts the proxy. */
  readonly host?: string;
  readonly protocol?: string;
  /** What a guard has put there. */
  readonly user?: unknown;
}

/** Whether the body is sent, or only the status and the headers. */
export type ReplyForm = 'full' | 'empty';

/** One request and its response, the same for every platform. Header names are lower-case. */
export interface Exchange {
  readonly request: CacheRequest;
  /** The request of `node:http`, one object for each request. */
  readonly raw: object;

  status(): number;
  setStatus(status: number): void;
  header(name: string): HeaderValue | undefined;
  headers(): HeaderMap;
  setHeader(name: string, value: HeaderValue): void;
  removeHeader(name: string): void;
  /** Whether a cookie is to be set that is not among the headers yet. */
  hasPendingCookie(): boolean;

  /**
   * Lets `onReply` see the next reply before any of it is sent: the body as the platform has serialised it, or
   * `undefined` for a stream. It may still change status and headers. Called once at most.
   * @returns stops listening
   */
  watchReply(onReply: (body: Buffer | undefined) => ReplyForm): () => void;

  /** Sends what `answer` gives in the place of the next reply, or lets that pass when `answer` gives nothing. */
  replaceReply(answer: () => Buffer | undefined): void;

  /** Makes the handler see `query` and `url` in the place of the request's own. @returns puts them back */
  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void;

  isClosed(): boolean;
  /** Calls `listener` when the response is over: sent, or its client gone. */
  onClose(listener: () => void): void;
}

export const EMPTY_BODY = Buffer.alloc(0);

/** Gives an object methods of its own for a while. @returns puts back what was there */
export function override<T extends object>(target: T, methods: Partial<T>): () => void {
  const names = Object.keys(methods) as (keyof T)[];
  const owned = names.map((name) => Object.getOwnPropertyDescriptor(target, name));
  Object.assign(target, methods);
  return () => {
    names.forEach((name, i) => {
      const before = owned[i];
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    });
  };
}
