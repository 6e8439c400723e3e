import type { ExecutionContext } from '@nestjs/common';
import type { CacheRequest, Exchange } from './exchange.js';
import { ExpressExchange, type ExpressResponse } from './express-exchange.js';
import { FastifyExchange, type FastifyReply, type FastifyRequest } from './fastify-exchange.js';

/** The exchange of an HTTP context; `undefined` on a platform that is neither Express nor Fastify. */
export function openExchange(context: ExecutionContext): Exchange | undefined {
  const http = context.switchToHttp();
  const request = http.getRequest<CacheRequest | FastifyRequest | undefined>();
  const response = http.getResponse<Partial<ExpressResponse & FastifyReply> | undefined>();
  if (request === undefined || typeof response?.send !== 'function') return undefined;
  if (response.raw !== undefined && 'raw' in request) return new FastifyExchange(request, response as FastifyReply);
  return typeof response.setHeader === 'function'
    ? new ExpressExchange(request, response as ExpressResponse)
    : undefined;
}
