import { isAscii } from 'node:buffer';
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

/** What is sent as the body: the one that the platform has, or other bytes. */
export type ReplyBody = 'own' | Buffer;

/**
 * What to send in the place of a reply.
 * @param body what the platform was to send
 * @param hasStatus whether somebody has set a status by the platform's own method since `replaceReply`, be it the same
 */
export type BodySubstitute = (body: unknown, hasStatus: boolean) => Buffer | undefined;

/** One request and its response, the same for every platform. Header names are lower-case. */
export interface Exchange {
  readonly request: CacheRequest;
  /** The request of `node:http`, one object for each request. */
  readonly raw: object;

  status(): number;
  setStatus(status: number): void;
  /** The reason phrase, where somebody has set one. */
  reason(): string | undefined;
  setReason(reason: string): void;
  header(name: string): HeaderValue | undefined;
  /** As they are now; what is set later does not show in it. */
  headers(): HeaderMap;
  setHeader(name: string, value: HeaderValue): void;
  removeHeader(name: string): void;
  /** Whether a cookie is to be set that is not among the headers yet. */
  hasPendingCookie(): boolean;

  /**
   * Lets `onReply` see the next reply before any of it is sent: the body as the platform has serialised it, or
   * `undefined` for a stream, whose reply cannot be put off or replaced. It may still change status and headers. Called
   * once at most; nothing is sent before its promise is resolved, which must not be rejected.
   * @returns stops listening
   */
  watchReply(onReply: (body: Buffer | undefined) => ReplyBody | Promise<ReplyBody>): () => void;

  /**
   * Sends what `answer` gives in the place of the next reply, or lets that pass when `answer` gives nothing. Asked
   * once.
   */
  replaceReply(answer: BodySubstitute): void;

  /** Sends the answer now; what Nest replies after that comes to nothing. */
  sendNow(body: Buffer): void;

  /** Makes the handler see `query` and `url` in the place of the request's own. @returns puts them back */
  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void;

  /**
   * Keeps the platform from judging the client's conditions by itself, which would take the body away.
   * @returns lets it again
   */
  ignoreConditions(): () => void;

  /**
   * Whether middleware or a hook sees the body after the cache has sent it, and may send another, such as a compressed
   * one.
   */
  hasBodyFilter(): boolean;

  isClosed(): boolean;
  /** Calls `listener` when the response is over: sent, or its client gone. */
  onClose(listener: () => void): void;
}

/** A picture of the headers: a platform may add a line to the very list that it has given out. */
export function copyHeaders(headers: HeaderMap): HeaderMap {
  const copy: Record<string, HeaderValue | undefined> = { ...headers };
  for (const [name, value] of Object.entries(copy))
    if (Array.isArray(value)) copy[name] = [...(value as readonly string[])];
  return copy;
}

export const EMPTY_BODY = Buffer.alloc(0);

/** Up to this size copying a body costs less than a write of its own. */
const MAX_JOINED_BYTES = 16 * 1024;

/**
 * A body in the form that leaves fastest. Node joins head and body of an answer to one write where the body is text,
 * and makes two writes of one that is bytes. ASCII is the same bytes in whatever encoding somebody takes it for; the
 * head, which is joined to it, is `TEXT_ENCODING`.
 */
export function writable(body: Buffer): Buffer | string {
  return body.length > 0 && body.length <= MAX_JOINED_BYTES && isAscii(body) ? body.toString('latin1') : body;
}

/** Of headers (RFC 9110 section 5.5), and so of text that is written together with them. */
export const TEXT_ENCODING = 'latin1';

/** Whether somebody has put methods of their own before those by which the body of a response leaves. */
export function hasOwnOutput(response: object): boolean {
  return Object.hasOwn(response, 'end') || Object.hasOwn(response, 'write');
}

type Methods<T> = { [Name in keyof T]?: (original: T[Name]) => T[Name] };
type AnyMethod = (...args: unknown[]) => unknown;

/**
 * Puts methods of an object's own before those it has, each made from the one it stands before.
 * @returns takes them out again; where somebody has wrapped them meanwhile, they stay and only pass calls on
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
