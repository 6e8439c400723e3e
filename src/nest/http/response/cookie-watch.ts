import type { Exchange, HeaderMap } from '../exchange/exchange.js';
import { hasChanged } from './response-headers.js';

/**
 * Tells the cookies that the handler and the interceptors inside the cache set from those that are set outside: a
 * picture is taken whenever the outside hands over to the inside, and compared when the inside hands over to the
 * outside.
 */
export class CookieWatch {
  #before: HeaderMap = {};
  #wasPending = false;
  #isSetInside = false;

  constructor(private readonly exchange: Exchange) {}

  get isSetInside(): boolean {
    return this.#isSetInside;
  }

  enterInside(): void {
    this.#before = this.exchange.headers();
    this.#wasPending = this.exchange.hasPendingCookie();
  }

  leaveInside(): void {
    const { exchange } = this;
    if (hasChanged('set-cookie', this.#before, exchange.headers()) || exchange.hasPendingCookie() !== this.#wasPending)
      this.#isSetInside = true;
  }
}
