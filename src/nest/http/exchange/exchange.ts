import { isAscii } from 'node:buffer';
import type { IncomingHttpHeaders } from 'node:http';

export type HeaderValue = string | number | readonly string[];
/** Response headers by lower-case name. */
export type HeaderMap = Readonly<Record<string, HeaderValue | undefined>>;

/** The request that functions in options get: the part that the requests of Express and Fastify have in common. */
export interface CacheRequest {
  readonly method: string;
  /** Path and query as the client sent them, with the global prefix. */
  readonly originalUrl: string;
  readonly headers: IncomingHttpHeaders;
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Host and port, from `X-Forwarded-Host` if the platform trusts the proxy. */
  readonly host?: string;
  readonly protocol?: string;
  /** The user, as a guard has set it. */
  readonly user?: unknown;
}

/** The body to send: the platform's own, or other bytes. */
export type ReplyBody = 'own' | Buffer;

/**
 * Makes the body to send in place of a reply; `undefined` lets the reply pass.
 * @param body the body of the platform's reply
 * @param hasStatus true when a status was set by the platform's method since `replaceReply`, even the same one
 */
export type BodySubstitute = (body: unknown, hasStatus: boolean) => Buffer | undefined;

/** One request and its response, the same for every platform. Header names are lower-case. */
export interface Exchange {
  readonly request: CacheRequest;
  /** The request of `node:http`; one object for each request. */
  readonly raw: object;

  status(): number;
  setStatus(status: number): void;
  /** The reason phrase, if one was set. */
  reason(): string | undefined;
  setReason(reason: string): void;
  header(name: string): HeaderValue | undefined;
  /** A snapshot of all headers. */
  headers(): HeaderMap;
  setHeader(name: string, value: HeaderValue): void;
  removeHeader(name: string): void;
  /** True when a cookie was set that is not among the headers yet. */
  hasPendingCookie(): boolean;

  /**
   * Calls `onReply` with the next reply before any of it is sent: with the serialised body, or with `undefined` for a
   * stream, which cannot be delayed or replaced. `onReply` may still change status and headers. It is called once at
   * most. Nothing is sent before its promise resolves, and the promise must not reject.
   * @returns a function that stops watching
   */
  watchReply(onReply: (body: Buffer | undefined) => ReplyBody | Promise<ReplyBody>): () => void;

  /** Sends the result of `substitute` in place of the next reply. Calls it once. */
  replaceReply(substitute: BodySubstitute): void;

  /** Sends the response now, and ignores the reply of Nest that follows. */
  sendNow(body: Buffer): void;

  /** Shows `query` and `url` to the handler in place of the request's own. @returns a function that puts them back */
  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void;

  /**
   * Keeps the platform from judging the client's conditions by itself, because it would drop the body.
   * @returns a function that ends this
   */
  ignoreConditions(): () => void;

  /** True when middleware or a hook may change the body that the cache sends, for example compress it. */
  hasBodyFilter(): boolean;

  isClosed(): boolean;
  /** Calls `listener` when the response is sent, or its client has left. */
  onClose(listener: () => void): void;
}

/** A snapshot of the headers, with copies of lists, because a platform may add to a list that it has returned. */
export function copyHeaders(headers: HeaderMap): HeaderMap {
  const copy: Record<string, HeaderValue | undefined> = { ...headers };
  for (const [name, value] of Object.entries(copy))
    if (Array.isArray(value)) copy[name] = [...(value as readonly string[])];
  return copy;
}

export const EMPTY_BODY = Buffer.alloc(0);

/** Size in bytes up to which copying a body costs less than a separate write. */
const MAX_JOINED_BYTES = 16 * 1024;

/**
 * A body in the form that is sent fastest. Node sends the head and a body of text in one write, but needs two writes if
 * the body is bytes. ASCII has the same bytes in every encoding. The head, which is joined to it, has `TEXT_ENCODING`.
 */
export function writable(body: Buffer): Buffer | string {
  return body.length > 0 && body.length <= MAX_JOINED_BYTES && isAscii(body) ? body.toString('latin1') : body;
}

/** The encoding of headers (RFC 9110 section 5.5), and of text that is sent together with them. */
export const TEXT_ENCODING = 'latin1';

/** True when other code has replaced the methods by which a response sends its body. */
export function hasOwnOutput(response: object): boolean {
  return Object.hasOwn(response, 'end') || Object.hasOwn(response, 'write');
}

type Methods<T> = { [Name in keyof T]?: (original: T[Name]) => T[Name] };
type AnyMethod = (...args: unknown[]) => unknown;

/**
 * Replaces methods of one object. Each new method is made from the one that it replaces.
 * @returns a function that removes them; a method that other code has wrapped meanwhile stays, and only passes calls on
 */
export function override<T extends object>(target: T, methods: Methods<T>): () => void {
  let isActive = true;
  const restore = (Object.keys(methods) as (keyof T)[]).map((name) => {
    const before = Object.getOwnPropertyDescriptor(target, name);
    const original = (target[name] as AnyMethod).bind(target);
    const replacement = (methods[name] as unknown as (original: AnyMethod) => AnyMethod)(original);
    const method = (...args: unknown[]): unknown => (isActive ? replacement : original)(...args);
    target[name] = method as T[keyof T];
    return (): void => {
      if (target[name] !== method) return;
      if (before === undefined) Reflect.deleteProperty(target, name);
      else Object.defineProperty(target, name, before);
    };
  });
  return () => {
    isActive = false;
    for (const restoreOne of restore) restoreOne();
  };
}
