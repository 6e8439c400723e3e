import { HttpException } from '@nestjs/common';
import { Observable, of } from 'rxjs';
import { finishAnswer, type HeaderRules, type Provenance } from './answer-headers.js';
import type { CachedResponse } from './cached-response.js';
import type { Exchange } from './exchange.js';
import { standInFor } from './stand-in.js';

/**
 * Answers with a stored response, through Nest: the interceptors outside the cache run as on a miss. They may set
 * headers, and refuse the request by an exception; the body is the stored one, which they had their part in when it was
 * made. A response that was an exception is thrown again, and passes the filters.
 *
 * The handler's headers are set at once, where the handler would have set them; the rest when Nest replies. A reply
 * with another status than the stored one is an exception filter's and passes, except a 5xx: that is an interceptor
 * which could not cope with the stand-in.
 */
export function replay(exchange: Exchange, response: CachedResponse, rules: HeaderRules, how: Provenance): Observable<unknown> {
  let isRefused = false;
  putBackHeaders(exchange, response);
  exchange.replaceReply(() => {
    const status = exchange.status();
    if (status < 500 && (isRefused || status !== response.status)) return undefined;
    exchange.setStatus(response.status);
    putBackContent(exchange, response);
    return finishAnswer(exchange, response, rules, how);
  });
  return new Observable((subscriber) => {
    if (response.isThrown) {
      subscriber.error(new HttpException((standInFor(response) ?? ''), response.status));
      return;
    }
    subscriber.next(standInFor(response));
    // An operator that throws ends the subscription before the value has come back.
    isRefused = subscriber.closed;
    subscriber.complete();
  });
}

const ANSWERED = of(undefined);

/** The same, at once: for a route that has no interceptor outside the cache, who would have to be asked. */
export function sendStored(exchange: Exchange, response: CachedResponse, rules: HeaderRules, how: Provenance): Observable<unknown> {
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
