import type { Exchange, HeaderMap } from '../exchange/exchange.js';
import { hasChanged } from './response-headers.js';

/**
 * Notices cookies that the handler or an interceptor inside the cache sets, and ignores those that are set outside. It
 * takes a snapshot when control passes to the inside, and compares when control passes back to the outside.
 */
export class CookieWatch {
  #before: HeaderMap = {};
  #wasPending = false;
  #isSetInside = false;

  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  get isSetInside(): boolean {
    return this.#isSetInside;
  }

  enterInside(): void {
    this.#before = this.#exchange.headers();
    this.#wasPending = this.#exchange.hasPendingCookie();
  }

  leaveInside(): void {
    const exchange = this.#exchange;
    if (hasChanged('set-cookie', this.#before, exchange.headers()) || exchange.hasPendingCookie() !== this.#wasPending)
      this.#isSetInside = true;
  }
}
