import { TestEnvironment } from 'jest-environment-node';

/**
 * Jest's Node environment, but as strict as Node: a rejection that gets its handler late fails the test, because it
 * would have ended a real process. Jest itself reports rejections without a handler, and uncaught exceptions.
 */
export default class StrictEnvironment extends TestEnvironment {
  /** @type {WeakMap<Promise<unknown>, unknown>} */
  #errors = new WeakMap();

  /** Called by Jest for each event of a suite, after Jest has handled the event. */
  handleTestEvent(event, state) {
    if (event.name === 'error' && event.promise !== undefined) this.#errors.set(event.promise, event.error);
    if (event.name === 'error_handled') state.unhandledErrors.push(this.#errors.get(event.promise));
  }
}
