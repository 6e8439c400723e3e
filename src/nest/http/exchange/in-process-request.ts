import { IncomingMessage, type IncomingHttpHeaders, type Server, ServerResponse } from 'node:http';
import { type ClientSocket, InProcessSocket } from './in-process-socket.js';

export interface InProcessRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** The connection that the request seems to come from. */
  readonly client: ClientSocket;
}

/**
 * Sends a GET to the server of this process without a connection. It passes everything that the request of a client
 * passes, with a request and a response of its own.
 * @param onRequest called with the request before the server gets it
 * @returns the status, which rejects when the response is closed early, and a function that closes it
 */
export function requestInProcess(
  server: Server,
  { url, headers, client }: InProcessRequest,
  onRequest: (request: object) => void,
): { readonly answered: Promise<number>; readonly abort: () => void } {
  const socket = Object.assign(new InProcessSocket(client), { server });
  const request = new IncomingMessage(socket);
  const rawHeaders = Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [name, String(value)],
  );
  Object.assign(request, {
    method: 'GET',
    url,
    headers: { ...headers },
    rawHeaders,
    httpVersion: '1.1',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    complete: true,
    upgrade: false,
  });
  const response = new ServerResponse(request);
  response.assignSocket(socket);
  const answered = new Promise<number>((resolve, reject) => {
    response.once('finish', () => resolve(response.statusCode));
    response.once('close', () => reject(new Error('The response was closed before it was finished.')));
  });
  // As a server does: the rest of the request is read, and request and response are closed.
  response.once('finish', () => {
    request.resume();
    process.nextTick(() => socket.destroy());
  });
  onRequest(request);
  request.push(null);
  server.emit('request', request, response);
  return { answered, abort: () => response.destroy() };
}
