import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type CacheRequest,
  copyHeaders,
  EMPTY_BODY,
  type Exchange,
  hasOwnOutput,
  type HeaderMap,
  type HeaderValue,
  override,
  type ReplyBody,
  type BodySubstitute,
  TEXT_ENCODING,
  writable,
} from './exchange.js';

/** The part of Fastify's request that the cache uses, and that Express does not have. */
export interface FastifyRequest extends CacheRequest {
  readonly raw: IncomingMessage;
}

/** The part of Fastify's reply that the cache uses. */
export interface FastifyReply {
  readonly raw: ServerResponse;
  statusCode: number;
  readonly sent: boolean;
  send(payload?: unknown): unknown;
  code(status: number): unknown;
  status(status: number): unknown;
  header(name: string, value: HeaderValue): unknown;
  getHeader(name: string): HeaderValue | undefined;
  getHeaders(): HeaderMap;
  removeHeader(name: string): unknown;
  serialize(payload: unknown): string;
  setCookie?: CookieMethod;
  cookie?: CookieMethod;
  clearCookie?: CookieMethod;
}

type RawMethod = (chunk: unknown, encoding: unknown, callback: unknown) => unknown;
type CookieMethod = (...args: unknown[]) => unknown;
type CookieMethods = Record<(typeof COOKIE_METHODS)[number], CookieMethod>;

interface Rendered {
  readonly body: Buffer;
  readonly contentType?: string;
}

const COOKIE_METHODS = ['setCookie', 'cookie', 'clearCookie'] as const;

/**
 * The reply is seen in `send`, before the `onSend` hooks. Hooks do their work (compression, cookies) again for every
 * request. The payload is serialised here by Fastify's rules, because Fastify has no step between serialising and
 * sending.
 */
export class FastifyExchange implements Exchange {
  #setsCookie = false;

  readonly #reply: FastifyReply;

  constructor(
    readonly request: FastifyRequest,
    reply: FastifyReply,
  ) {
    this.#reply = reply;
  }

  get raw(): object {
    return this.request.raw;
  }

  status(): number {
    return this.#reply.statusCode;
  }

  setStatus(status: number): void {
    this.#reply.code(status);
  }

  reason(): string | undefined {
    const reason = this.#hasReason() ? (this.#reply.raw.statusMessage as string | undefined) : undefined;
    return reason === '' ? undefined : reason;
  }

  setReason(reason: string): void {
    if (this.#hasReason()) this.#reply.raw.statusMessage = reason;
  }

  /** False for HTTP/2, which has no reason phrase (RFC 9113 section 8.3.2); Node warns when it is read. */
  #hasReason(): boolean {
    return this.request.raw.httpVersionMajor < 2;
  }

  header(name: string): HeaderValue | undefined {
    return this.#reply.getHeader(name);
  }

  headers(): HeaderMap {
    return copyHeaders(this.#reply.getHeaders());
  }

  setHeader(name: string, value: HeaderValue): void {
    if (!this.#reply.raw.headersSent) this.#reply.header(name, value);
  }

  removeHeader(name: string): void {
    this.#reply.removeHeader(name);
    // Middleware of Nest sets headers on the raw response, which not every version of Fastify reads.
    if (!this.#reply.raw.headersSent) this.#reply.raw.removeHeader(name);
  }

  hasPendingCookie(): boolean {
    return this.#setsCookie;
  }

  watchReply(onReply: (body: Buffer | undefined) => ReplyBody | Promise<ReplyBody>): () => void {
    const reply = this.#reply;
    const stopCookies = this.#watchCookies();
    const stopSend = override<FastifyReply>(reply, {
      send: (send) => (payload) => {
        stop();
        const rendered = this.#render(payload);
        if (rendered?.contentType !== undefined) reply.header('content-type', rendered.contentType);
        const form = onReply(rendered?.body);
        if (rendered === undefined) return send(payload);
        const sendForm = (bytes: ReplyBody): unknown => this.#send(send, bytes === 'own' ? rendered.body : bytes);
        if (!(form instanceof Promise)) return sendForm(form);
        // Nobody awaits this promise. An error must end one response, and not the process.
        form.then(sendForm).catch(() => reply.raw.destroy());
        return reply;
      },
    });
    const stop = (): void => {
      stopSend();
      stopCookies();
    };
    return stop;
  }

  replaceReply(substitute: BodySubstitute): void {
    const reply = this.#reply;
    const setStatus = reply.code.bind(reply);
    const send = reply.send.bind(reply);
    let isAnswered = false;
    let hasStatus = false;
    reply.code = reply.status = (status) => {
      hasStatus = true;
      return setStatus(status);
    };
    reply.send = (payload) => {
      const bytes = isAnswered ? undefined : substitute(payload, hasStatus);
      isAnswered = true;
      return bytes === undefined ? send(payload) : this.#send(send, bytes);
    };
  }

  sendNow(body: Buffer): void {
    const reply = this.#reply;
    this.#send(reply.send.bind(reply), body);
    // An asynchronous hook may delay the response. Meanwhile nobody must change its status or send again.
    const ignored = (): FastifyReply => reply;
    Object.assign(reply, { send: ignored, status: ignored });
  }

  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void {
    const request = this.request as { query: unknown };
    const raw = this.request.raw as { url?: string };
    const before = { query: request.query, url: raw.url };
    // Fastify keeps `originalUrl` from its first use, so it would not show the new `url`.
    Object.defineProperty(this.request, 'originalUrl', { value: url, configurable: true });
    request.query = query;
    raw.url = url;
    return () => {
      Reflect.deleteProperty(this.request, 'originalUrl');
      request.query = before.query;
      if (before.url !== undefined) raw.url = before.url;
    };
  }

  ignoreConditions(): () => void {
    // Fastify judges no conditions. A hook that does runs after the reply is seen.
    return () => undefined;
  }

  hasBodyFilter(): boolean {
    return hasHook(this.request, 'onSend') || hasOwnOutput(this.#reply.raw);
  }

  isClosed(): boolean {
    return this.#reply.raw.closed || this.#reply.raw.destroyed;
  }

  onClose(listener: () => void): void {
    this.#reply.raw.once('close', listener);
  }

  /**
   * Sends a body so that Fastify adds neither a content type, as it does for bytes without one, nor a charset, as it
   * does for text of a JSON type.
   */
  #send(send: FastifyReply['send'], body: Buffer): unknown {
    if (this.#reply.statusCode === 304 && this.request.method === 'HEAD') this.#keepOutLength();
    const type = this.#reply.getHeader('content-type');
    if (type === undefined) return body.length === 0 ? send() : send(body);
    const form = withCharset(String(type)) === type ? writable(body) : body;
    if (typeof form === 'string') this.#writeWithHead(form);
    return send(form);
  }

  /**
   * Names the encoding of the text, because Fastify does not, and Node would send the headers in UTF-8 as well. A hook
   * may send another text.
   */
  #writeWithHead(text: string): void {
    const raw = this.#reply.raw as unknown as { end: RawMethod };
    const end = raw.end.bind(raw);
    raw.end = (chunk, encoding, callback) => end(chunk, chunk === text ? TEXT_ENCODING : encoding, callback);
  }

  /** Keeps a HEAD route of Fastify from sending `Content-Length: 0` with a 304, which has no content. */
  #keepOutLength(): void {
    override<FastifyReply>(this.#reply, {
      header: (header) => (name, value) => (name === 'content-length' ? this.#reply : header(name, value)),
    });
  }

  /** The payload as `Reply.send` would serialise it; `undefined` for one that it does not serialise itself. */
  #render(payload: unknown): Rendered | undefined {
    if (payload === undefined) return { body: EMPTY_BODY };
    if (payload instanceof Error || isStream(payload)) return undefined;
    const header = this.#reply.getHeader('content-type');
    const type = header === undefined ? undefined : String(header);
    if (ArrayBuffer.isView(payload)) return { body: viewOf(payload), contentType: type ?? 'application/octet-stream' };
    if (typeof payload === 'string')
      return { body: Buffer.from(payload), contentType: withCharset(type ?? 'text/plain; charset=utf-8') };
    return this.#renderJson(payload, type ?? 'application/json');
  }

  #renderJson(payload: unknown, type: string): Rendered | undefined {
    // A `preSerialization` hook runs inside `send` and may be asynchronous, so its result is not known here.
    if (!type.includes('json') || hasHook(this.request, 'preSerialization')) return undefined;
    try {
      return { body: Buffer.from(this.#reply.serialize(payload)), contentType: withCharset(type) };
    } catch {
      // Fastify gets the same error, and replies to it.
      return undefined;
    }
  }

  /** Notices cookies of `@fastify/cookie`, which sets no header before its `onSend` hook. */
  #watchCookies(): () => void {
    const watched =
      (method: CookieMethod): CookieMethod =>
      (...args) => {
        this.#setsCookie = true;
        return method(...args);
      };
    const names = COOKIE_METHODS.filter((name) => typeof this.#reply[name] === 'function');
    return override<CookieMethods>(
      this.#reply as CookieMethods,
      Object.fromEntries(names.map((name) => [name, watched])),
    );
  }
}

function isStream(payload: unknown): boolean {
  if (typeof payload !== 'object' || payload === null) return false;
  const { pipe, getReader } = payload as { pipe?: unknown; getReader?: unknown };
  return (
    typeof pipe === 'function' ||
    typeof getReader === 'function' ||
    Object.prototype.toString.call(payload) === '[object Response]'
  );
}

function viewOf(bytes: ArrayBufferView): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Adds the charset that Fastify adds to JSON types. */
function withCharset(type: string): string {
  return !type.includes('json') || /;\s*charset=/i.test(type) ? type : `${type}; charset=utf-8`;
}

/** True when the route of a request has such a hook. Fastify has no public interface for this. */
function hasHook(request: object, name: 'preSerialization' | 'onSend'): boolean {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'fastify.context');
  const context =
    symbol === undefined
      ? undefined
      : (request as Record<symbol, Partial<Record<typeof name, unknown>> | undefined>)[symbol];
  return (context?.[name] ?? null) !== null;
}
