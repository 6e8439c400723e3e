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

/** The part of Fastify's request that is used beyond what it has in common with Express's. */
export interface FastifyRequest extends CacheRequest {
  readonly raw: IncomingMessage;
}

/** The part of Fastify's reply that is used. */
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
 * The reply is seen in `send`, before the `onSend` hooks: what a hook does to it (compression, cookies) is done anew
 * for every request. The payload is serialised here by Fastify's own rules, because Fastify leaves no room between
 * serialising and sending.
 */
export class FastifyExchange implements Exchange {
  #setsCookie = false;

  constructor(
    readonly request: FastifyRequest,
    private readonly reply: FastifyReply,
  ) {}

  get raw(): object {
    return this.request.raw;
  }

  status(): number {
    return this.reply.statusCode;
  }

  setStatus(status: number): void {
    this.reply.code(status);
  }

  reason(): string | undefined {
    const reason = this.#hasReason() ? (this.reply.raw.statusMessage as string | undefined) : undefined;
    return reason === '' ? undefined : reason;
  }

  setReason(reason: string): void {
    if (this.#hasReason()) this.reply.raw.statusMessage = reason;
  }

  /** HTTP/2 has none, and Node warns of who looks for it (RFC 9113 section 8.3.2). */
  #hasReason(): boolean {
    return this.request.raw.httpVersionMajor < 2;
  }

  header(name: string): HeaderValue | undefined {
    return this.reply.getHeader(name);
  }

  headers(): HeaderMap {
    return copyHeaders(this.reply.getHeaders());
  }

  setHeader(name: string, value: HeaderValue): void {
    if (!this.reply.raw.headersSent) this.reply.header(name, value);
  }

  removeHeader(name: string): void {
    this.reply.removeHeader(name);
    // What a Nest middleware has set is on the raw response, and not every version of Fastify looks there.
    if (!this.reply.raw.headersSent) this.reply.raw.removeHeader(name);
  }

  hasPendingCookie(): boolean {
    return this.#setsCookie;
  }

  watchReply(onReply: (body: Buffer | undefined) => ReplyBody | Promise<ReplyBody>): () => void {
    const { reply } = this;
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
        // Nobody awaits this: what fails here must end one answer, and not the process.
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

  replaceReply(answer: BodySubstitute): void {
    const { reply } = this;
    const setStatus = reply.code.bind(reply);
    const send = reply.send.bind(reply);
    let isAnswered = false;
    let hasStatus = false;
    reply.code = reply.status = (status) => {
      hasStatus = true;
      return setStatus(status);
    };
    reply.send = (payload) => {
      const bytes = isAnswered ? undefined : answer(payload, hasStatus);
      isAnswered = true;
      return bytes === undefined ? send(payload) : this.#send(send, bytes);
    };
  }

  sendNow(body: Buffer): void {
    const { reply } = this;
    this.#send(reply.send.bind(reply), body);
    // An asynchronous hook may hold back what is sent: nobody changes its status meanwhile, and Nest waits for it.
    const ignored = (): FastifyReply => reply;
    Object.assign(reply, { send: ignored, status: ignored });
  }

  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void {
    const request = this.request as { query: unknown };
    const raw = this.request.raw as { url?: string };
    const before = { query: request.query, url: raw.url };
    // Fastify remembers `originalUrl` from its first use, so a changed `url` would not show in it.
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
    // Fastify judges none. A hook that does comes after the reply was seen.
    return () => undefined;
  }

  hasBodyFilter(): boolean {
    return hasHook(this.request, 'onSend') || hasOwnOutput(this.reply.raw);
  }

  isClosed(): boolean {
    return this.reply.raw.closed || this.reply.raw.destroyed;
  }

  onClose(listener: () => void): void {
    this.reply.raw.once('close', listener);
  }

  /**
   * A Buffer without a content type would get one, and an empty answer has none; text of a JSON type would get a
   * charset.
   */
  #send(send: FastifyReply['send'], body: Buffer): unknown {
    if (this.reply.statusCode === 304 && this.request.method === 'HEAD') this.#keepOutLength();
    const type = this.reply.getHeader('content-type');
    if (type === undefined) return body.length === 0 ? send() : send(body);
    const form = withCharset(String(type)) === type ? writable(body) : body;
    if (typeof form === 'string') this.#writeWithHead(form);
    return send(form);
  }

  /**
   * Fastify names no encoding of the text, and Node would take the headers for UTF-8 as well. A hook may send another
   * text.
   */
  #writeWithHead(text: string): void {
    const raw = this.reply.raw as unknown as { end: RawMethod };
    const end = raw.end.bind(raw);
    raw.end = (chunk, encoding, callback) => end(chunk, chunk === text ? TEXT_ENCODING : encoding, callback);
  }

  /** Fastify's HEAD routes would say `Content-Length: 0` of the content that a 304 does not send. */
  #keepOutLength(): void {
    override<FastifyReply>(this.reply, {
      header: (header) => (name, value) => (name === 'content-length' ? this.reply : header(name, value)),
    });
  }

  /** The payload as `Reply.send` would make it, or `undefined` for what it does not turn into bytes itself. */
  #render(payload: unknown): Rendered | undefined {
    if (payload === undefined) return { body: EMPTY_BODY };
    if (payload instanceof Error || isStream(payload)) return undefined;
    const header = this.reply.getHeader('content-type');
    const type = header === undefined ? undefined : String(header);
    if (ArrayBuffer.isView(payload)) return { body: viewOf(payload), contentType: type ?? 'application/octet-stream' };
    if (typeof payload === 'string')
      return { body: Buffer.from(payload), contentType: withCharset(type ?? 'text/plain; charset=utf-8') };
    return this.#renderJson(payload, type ?? 'application/json');
  }

  #renderJson(payload: unknown, type: string): Rendered | undefined {
    // A `preSerialization` hook runs inside `send` and may be asynchronous: its result cannot be had before.
    if (!type.includes('json') || hasHook(this.request, 'preSerialization')) return undefined;
    try {
      return { body: Buffer.from(this.reply.serialize(payload)), contentType: withCharset(type) };
    } catch {
      // Fastify will meet the same error and answer it.
      return undefined;
    }
  }

  /** `@fastify/cookie` keeps cookies to itself until its `onSend` hook. */
  #watchCookies(): () => void {
    const watched =
      (method: CookieMethod): CookieMethod =>
      (...args) => {
        this.#setsCookie = true;
        return method(...args);
      };
    const names = COOKIE_METHODS.filter((name) => typeof this.reply[name] === 'function');
    return override<CookieMethods>(
      this.reply as CookieMethods,
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

/** Fastify completes JSON types without a charset, and leaves the others alone. */
function withCharset(type: string): string {
  return !type.includes('json') || /;\s*charset=/i.test(type) ? type : `${type}; charset=utf-8`;
}

/** Whether the route of a request has such a hook, which Fastify tells nobody. */
function hasHook(request: object, name: 'preSerialization' | 'onSend'): boolean {
  const symbol = Object.getOwnPropertySymbols(request).find(({ description }) => description === 'fastify.context');
  const context =
    symbol === undefined
      ? undefined
      : (request as Record<symbol, Partial<Record<typeof name, unknown>> | undefined>)[symbol];
  return (context?.[name] ?? null) !== null;
}
