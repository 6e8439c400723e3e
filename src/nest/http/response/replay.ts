import { HttpException } from '@nestjs/common';
import { Observable, of } from 'rxjs';
import { finishAnswer, type HeaderRules, type Provenance, showBypass } from './answer-headers.js';
import type { CachedResponse } from './cached-response.js';
import type { Exchange } from '../exchange/exchange.js';
import { replayedValueOf } from './replayed-value.js';

/**
 * Answers with a stored response through Nest: the interceptors outside the cache run as on a miss. They may set
 * headers, and refuse the request by an exception. The body is the stored one, to which they have contributed when it
 * was made. A response that the handler threw is thrown again, and passes the exception filters.
 *
 * The headers of the handler are set at once, as the handler would do it, and the others when Nest replies. A reply of
 * an exception filter is sent as it is: an interceptor outside has refused the request, or has failed.
 */
export function replay(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  provenance: Provenance,
): Observable<unknown> {
  const replayed = replayedValueOf(response);
  let isCut = false;
  putBackHeaders(exchange, response);
  exchange.replaceReply((body, hasStatus) => {
    const isAsStored = exchange.status() === response.status;
    if (!isAsStored || (!response.isThrown && (isCut || hasStatus) && !contains(body, replayed))) {
      showBypass(exchange, rules, 'bypass', 'refused');
      return undefined;
    }
    putBackContent(exchange, response);
    return finishAnswer(exchange, response, rules, provenance);
  });
  return new Observable((subscriber) => {
    if (response.isThrown) {
      subscriber.error(new HttpException((replayed ?? '') as string | Record<string, unknown>, response.status));
      return;
    }
    subscriber.next(replayed);
    // An operator outside that throws, or that takes one value only, ends the subscription before `next` returns.
    isCut = subscriber.closed;
    subscriber.complete();
  });
}

/**
 * True when a reply contains the value that interceptors got. It distinguishes such a reply from one of an exception
 * filter, where a status was set or the subscription has ended early: Nest does neither for an ordinary reply.
 */
function contains(body: unknown, replayed: unknown): boolean {
  if (body === replayed || body === String(replayed)) return true;
  return typeof body === 'object' && body !== null && Object.values(body).includes(replayed);
}

const ANSWERED = of(undefined);

/** Sends a stored response at once, without Nest, for a route that has no interceptor outside the cache. */
export function sendStored(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  provenance: Provenance,
): Observable<unknown> {
  putBack(exchange, response);
  exchange.sendNow(finishAnswer(exchange, response, rules, provenance));
  return ANSWERED;
}

/** Sets status, reason and headers of a stored response. */
export function putBack(exchange: Exchange, response: CachedResponse): void {
  putBackHeaders(exchange, response);
  putBackContent(exchange, response);
}

function putBackHeaders(exchange: Exchange, response: CachedResponse): void {
  for (const name of response.removed) exchange.removeHeader(name);
  for (const [name, value] of response.headers) exchange.setHeader(name, value);
  exchange.setStatus(response.status);
}

/** Sets the headers that an exception filter must not see, because it sends content of its own. */
function putBackContent(exchange: Exchange, { contentType, reason }: CachedResponse): void {
  if (reason !== null) exchange.setReason(reason);
  if (contentType === null) exchange.removeHeader('content-type');
  else exchange.setHeader('content-type', contentType);
}
