import { fork } from 'node:child_process';
import { once } from 'node:events';

/**
 * What is measured in one process.
 * @typedef {object} Case
 * @property {string} id
 * @property {string} label
 * @property {string} subject the file under `subjects/`
 * @property {string} workload the file under `workloads/`
 * @property {import('../subjects/subject.js').SubjectSettings} settings for both
 * @property {readonly string[]} operations
 * @property {readonly { operation: string, calls: number }[]} [once] operations whose figures are no times: one sample is enough
 */

/** One sample: nanoseconds per call. @typedef {{ wallNs: number, cpuNs: number, figures?: Record<string, number> }} Sample */

const WORKER = new URL('worker.js', import.meta.url);

/** The handle on a worker process. It answers one command at a time. */
export class CaseProcess {
  #child = fork(WORKER, { execArgv: ['--max-old-space-size=8192'] });

  /** @param {Case} which */
  async open({ subject, workload, settings }) {
    await this.#ask({ command: 'open', subject, workload, settings });
  }

  /** @param {string} operation @param {number} calls @returns {Promise<Sample>} */
  measure(operation, calls) {
    return this.#ask({ command: 'measure', operation, calls });
  }

  async close() {
    await this.#ask({ command: 'close' });
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    // Not every cache lets go of its timers.
    this.#child.kill();
    await exited;
  }

  /** @param {Record<string, unknown>} message @returns {Promise<any>} */
  #ask(message) {
    return new Promise((resolve, reject) => {
      const child = this.#child;
      const onExit = (/** @type {number | null} */ code) => reject(new Error(`The process of the case ended with ${code}.`));
      child.once('exit', onExit);
      child.once('message', (/** @type {{ answer?: unknown, error?: string }} */ { answer, error }) => {
        child.off('exit', onExit);
        if (error === undefined) resolve(answer);
        else reject(new Error(error));
      });
      child.send(message);
    });
  }
}
