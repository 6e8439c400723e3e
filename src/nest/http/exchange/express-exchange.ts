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

/** The part of Express's response that the cache uses. */
export interface ExpressResponse extends ServerResponse {
  status(code: number): unknown;
  send(body?: unknown): unknown;
  json(body?: unknown): unknown;
}

type Method = (...args: unknown[]) => unknown;

/** The methods of `node:http` that send a response, without their overloads. */
interface RawResponse {
  end: Method;
  write: Method;
  writeHead: Method;
  flushHeaders: Method;
}

/**
 * A whole response, from `json`, `send` or the `end` of an exception filter, reaches `end` before its headers are sent.
 * A response that reaches `write` or `writeHead` first is a stream.
 */
export class ExpressExchange implements Exchange {
  readonly #response: ExpressResponse;

  constructor(
    readonly request: CacheRequest,
    response: ExpressResponse,
  ) {
    this.#response = response;
  }

  get raw(): object {
    return this.request;
  }

  status(): number {
    return this.#response.statusCode;
  }

  setStatus(status: number): void {
    this.#response.statusCode = status;
  }

  reason(): string | undefined {
    return this.#response.statusMessage === '' ? undefined : this.#response.statusMessage;
  }

  setReason(reason: string): void {
    this.#response.statusMessage = reason;
  }

  header(name: string): HeaderValue | undefined {
    return this.#response.getHeader(name);
  }

  headers(): HeaderMap {
    return copyHeaders(this.#response.getHeaders());
  }

  setHeader(name: string, value: HeaderValue): void {
    if (!this.#response.headersSent) this.#response.setHeader(name, value);
  }

  removeHeader(name: string): void {
    if (!this.#response.headersSent) this.#response.removeHeader(name);
  }

  hasPendingCookie(): boolean {
    return false;
  }

  watchReply(onReply: (body: Buffer | undefined) => ReplyBody | Promise<ReplyBody>): () => void {
    const onStream = (): void => {
      stop();
      void onReply(undefined);
    };
    const stop = override<RawResponse>(this.#response as unknown as RawResponse, {
      end:
        (end) =>
        (...sent) => {
          stop();
          const reply = onReply(bytesOf(sent[0], sent[1]));
          const send = (form: ReplyBody): unknown =>
            form === 'own' ? end(...sent) : this.#endWith(end, form, callbackOf(sent));
          if (!(reply instanceof Promise)) return send(reply);
          // Nobody awaits this promise. An error must end one response, and not the process.
          reply.then(send).catch(() => this.#response.destroy());
          return this.#response;
        },
      write: before(onStream),
      writeHead: before(onStream),
      flushHeaders: before(onStream),
    });
    return stop;
  }

  #endWith(end: Method, bytes: Buffer, callback: unknown): unknown {
    if (bytes.length > 0) this.setHeader('content-length', bytes.length);
    return end(bytes, callback);
  }

  replaceReply(substitute: BodySubstitute): void {
    const response = this.#response;
    const setStatus = response.status.bind(response);
    let isAnswered = false;
    let hasStatus = false;
    const inPlaceOf =
      (reply: ExpressResponse['send']): ExpressResponse['send'] =>
      (body) => {
        const bytes = isAnswered ? undefined : substitute(body, hasStatus);
        isAnswered = true;
        if (bytes === undefined) return reply(body);
        if (bytes.length > 0) response.setHeader('Content-Length', bytes.length);
        return response.end(writable(bytes), TEXT_ENCODING);
      };
    response.status = (code) => {
      hasStatus = true;
      return setStatus(code);
    };
    response.json = inPlaceOf(response.json.bind(response));
    response.send = inPlaceOf(response.send.bind(response));
  }

  sendNow(body: Buffer): void {
    const response = this.#response;
    response.send = nothing;
    // Middleware with a time limit may have answered the request meanwhile.
    if (response.headersSent) return;
    if (body.length > 0) response.setHeader('content-length', body.length);
    response.end(writable(body), TEXT_ENCODING);
  }

  replaceQuery(query: Readonly<Record<string, unknown>>, url: string): () => void {
    const request = this.request as CacheRequest & Pick<IncomingMessage, 'url'>;
    const { originalUrl } = request;
    const ownUrl = request.url;
    Object.defineProperty(request, 'query', { value: query, configurable: true, writable: true, enumerable: true });
    Object.assign(request, { originalUrl: url, url: withQueryOf(ownUrl ?? url, url) });
    return () => {
      Reflect.deleteProperty(request, 'query');
      Object.assign(request, { originalUrl, url: ownUrl });
    };
  }

  ignoreConditions(): () => void {
    const { request } = this;
    const { 'if-none-match': noneMatch, 'if-modified-since': since } = request.headers;
    if (noneMatch === undefined && since === undefined) return nothing;
    // `send` replies with 304 when this is true.
    Object.defineProperty(request, 'fresh', { value: false, configurable: true });
    return () => void Reflect.deleteProperty(request, 'fresh');
  }

  hasBodyFilter(): boolean {
    return hasOwnOutput(this.#response);
  }

  isClosed(): boolean {
    return this.#response.closed || this.#response.destroyed;
  }

  onClose(listener: () => void): void {
    this.#response.once('close', listener);
  }
}

function nothing(): void {
  // Ignores Nest's reply to a response that is sent, and undoes nothing where nothing was done.
}

/** Calls `listener` before the method. */
function before(listener: () => void): (method: Method) => Method {
  return (method) =>
    (...args) => {
      listener();
      return method(...args);
    };
}

function bytesOf(chunk: unknown, encoding: unknown): Buffer {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8');
  if (Buffer.isBuffer(chunk)) return chunk;
  return chunk instanceof Uint8Array ? Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength) : EMPTY_BODY;
}

function callbackOf(sent: readonly unknown[]): unknown {
  return sent.find((value) => typeof value === 'function');
}

/** `url` with the query of `other`. Inside a mounted router `url` lacks the mount path that `originalUrl` has. */
function withQueryOf(url: string, other: string): string {
  const path = url.split('?', 1)[0] ?? '';
  const at = other.indexOf('?');
  return at < 0 ? path : path + other.slice(at);
}
