import { fork } from 'node:child_process';
import { once } from 'node:events';
import { ask } from './commands.js';

/**
 * One case: a subject and a workload that are measured in one process.
 * @typedef {object} Case
 * @property {string} id
 * @property {string} label
 * @property {string} subject the file under `subjects/`
 * @property {string} workload the file under `workloads/`
 * @property {import('../subjects/subject.js').SubjectSettings} settings for both
 * @property {readonly string[]} operations
 * @property {readonly { operation: string, calls: number }[]} [once] operations that measure something other than time:
 * one sample is enough
 */

/**
 * One sample: nanoseconds per call.
 * @typedef {{ wallNs: number, cpuNs: number, figures?: Record<string, number> }} Sample
 */

const WORKER = new URL('worker.js', import.meta.url);

/** A worker process, as its parent sees it. It answers one command at a time. */
export class CaseProcess {
  #child = fork(WORKER, { execArgv: ['--max-old-space-size=8192'] });

  /** @param {Case} which */
  async open({ subject, workload, settings }) {
    await ask(this.#child, { command: 'open', subject, workload, settings });
  }

  /** @param {string} operation @param {number} calls @returns {Promise<Sample>} */
  measure(operation, calls) {
    return ask(this.#child, { command: 'measure', operation, calls });
  }

  async close() {
    await ask(this.#child, { command: 'close' });
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    // Some caches do not clear their timers when they are closed.
    this.#child.kill();
    await exited;
  }
}
