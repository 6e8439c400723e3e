import { TestEnvironment } from 'jest-environment-node';

/**
 * Node as Jest gives it to a suite, but no more forgiving than Node: a rejection that gets its handler late has ended a
 * process by then. Jest itself reports what never gets a handler, and exceptions that nobody catches.
 */
export default class StrictEnvironment extends TestEnvironment {
  /** @type {WeakMap<Promise<unknown>, unknown>} */
  #errors = new WeakMap();

  /** Called by Jest for each event of a suite, after it has noted the event itself. */
  handleTestEvent(event, state) {
    if (event.name === 'error' && event.promise !== undefined) this.#errors.set(event.promise, event.error);
    if (event.name === 'error_handled') state.unhandledErrors.push(this.#errors.get(event.promise));
  }
}
