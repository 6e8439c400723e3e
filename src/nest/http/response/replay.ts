import { HttpException } from '@nestjs/common';
import { Observable, of } from 'rxjs';
import { finishAnswer, type HeaderRules, type Provenance, showBypass } from './answer-headers.js';
import type { CachedResponse } from './cached-response.js';
import type { Exchange } from '../exchange/exchange.js';
import { replayedValueOf } from './replayed-value.js';

/**
 * Answers with a stored response, through Nest: the interceptors outside the cache run as on a miss. They may set
 * headers, and refuse the request by an exception; the body is the stored one, which they had their part in when it was
 * made. A response that was an exception is thrown again, and passes the filters.
 *
 * The handler's headers are set at once, where the handler would have set them; the rest when Nest replies. The reply
 * of an exception filter passes, whatever the reason: an interceptor outside has refused the request or has failed.
 */
export function replay(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  how: Provenance,
): Observable<unknown> {
  const replayed = replayedValueOf(response);
  let isCut = false;
  putBackHeaders(exchange, response);
  exchange.replaceReply((body, hasStatus) => {
    const isAsStored = exchange.status() === response.status;
    if (!isAsStored || (!response.isThrown && (isCut || hasStatus) && !holds(body, replayed))) {
      showBypass(exchange, rules, 'bypass', 'refused');
      return undefined;
    }
    putBackContent(exchange, response);
    return finishAnswer(exchange, response, rules, how);
  });
  return new Observable((subscriber) => {
    if (response.isThrown) {
      subscriber.error(new HttpException((replayed ?? '') as string | Record<string, unknown>, response.status));
      return;
    }
    subscriber.next(replayed);
    // An operator that throws ends the subscription before the value has come back, as does one that wants one value.
    isCut = subscriber.closed;
    subscriber.complete();
  });
}

/**
 * Whether a reply is made of the value that interceptors were given. Nest sets no status for such a reply: where
 * somebody has set one, or has ended the subscription, the reply may be an exception filter's as well.
 */
function holds(body: unknown, replayed: unknown): boolean {
  if (body === replayed || body === String(replayed)) return true;
  return typeof body === 'object' && body !== null && Object.values(body).includes(replayed);
}

const ANSWERED = of(undefined);

/** The same, at once: for a route that has no interceptor outside the cache, who would have to be asked. */
export function sendStored(
  exchange: Exchange,
  response: CachedResponse,
  rules: HeaderRules,
  how: Provenance,
): Observable<unknown> {
  putBack(exchange, response);
  exchange.sendNow(finishAnswer(exchange, response, rules, how));
  return ANSWERED;
}

/** Everything of a stored response but its body, in the place of what is there. */
export function putBack(exchange: Exchange, response: CachedResponse): void {
  putBackHeaders(exchange, response);
  putBackContent(exchange, response);
}

function putBackHeaders(exchange: Exchange, response: CachedResponse): void {
  for (const name of response.removed) exchange.removeHeader(name);
  for (const [name, value] of response.headers) exchange.setHeader(name, value);
  exchange.setStatus(response.status);
}

/** What an exception filter must not find: it sends content of its own. */
function putBackContent(exchange: Exchange, { contentType, reason }: CachedResponse): void {
  if (reason !== null) exchange.setReason(reason);
  if (contentType === null) exchange.removeHeader('content-type');
  else exchange.setHeader('content-type', contentType);
}
