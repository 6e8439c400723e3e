import type { ServerResponse } from 'node:http';

/** The properties that responses of Express and of Fastify share, and those of Fastify alone. */
export interface AdminResponse {
  header(name: string, value: string): unknown;
  send(body: string): unknown;
  getHeaders(): Record<string, number | string | string[] | undefined>;
  /** The response of Node, in Fastify. */
  readonly raw?: ServerResponse;
  /** Keeps Fastify from sending a response of its own. */
  hijack?(): unknown;
}

/**
 * Headers of all responses of the admin routes, of refused requests too: nobody stores them, no browser takes one for
 * something else than it says, and none of them loads anything.
 */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

export function setAdminHeaders(response: AdminResponse): void {
  for (const [name, value] of Object.entries(HEADERS)) response.header(name, value);
}

/** Takes the response of Node over from the framework, with the headers that are set so far. */
export function takeOver(response: AdminResponse): ServerResponse {
  const { raw } = response;
  // The response of Express is that of Node.
  if (raw === undefined) return response as unknown as ServerResponse;
  response.hijack?.();
  for (const [name, value] of Object.entries(response.getHeaders()))
    if (value !== undefined) raw.setHeader(name, value);
  return raw;
}
