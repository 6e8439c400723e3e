import { IncomingMessage, type IncomingHttpHeaders, type Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

export interface InProcessRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Of the connection that the request is taken to have come by. */
  readonly remoteAddress: string | undefined;
  readonly isEncrypted: boolean;
}

/**
 * A GET that this process makes of its own server without a connection: it passes everything that a client's passes,
 * and has a request and a response of its own.
 * @param onRequest is given the request before the server sees it
 * @returns the status; rejects when the response is given up
 */
export function requestInProcess(server: Server, { url, headers, remoteAddress, isEncrypted }: InProcessRequest, onRequest: (request: object) => void): { readonly answered: Promise<number>; readonly abort: () => void } {
  const socket = Object.assign(new Sink(), { remoteAddress, encrypted: isEncrypted }) as unknown as Socket;
  const request = new IncomingMessage(socket);
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [name, String(value)]));
  Object.assign(request, { method: 'GET', url, headers: { ...headers }, rawHeaders, httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 });
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  const answered = new Promise<number>((resolve, reject) => {
    response.once('finish', () => resolve(response.statusCode));
    response.once('close', () => reject(new Error('The response was closed before it was finished.')));
  });
  onRequest(request);
  request.push(null);
  server.emit('request', request, response);
  return { answered, abort: () => response.destroy() };
}

/** Takes what is written to it. */
class Sink extends Duplex {
  override _read(): void {
    // Nobody sends anything on it.
  }

  override _write(_chunk: unknown, _encoding: BufferEncoding, done: () => void): void {
    done();
  }

  /** `node:http` sets time-outs on its sockets. */
  setTimeout(): this {
    return this;
  }
}
