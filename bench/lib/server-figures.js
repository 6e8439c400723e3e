import { Redis } from 'ioredis';

/**
 * What does not come from the calls that are measured: the question itself, and the proofs that a process asks for by
 * the clock.
 */
const BESIDE = new Set(['info', 'ping']);

/** What a server tells of its work, over a connection of its own. */
export class ServerFigures {
  #redis;

  /** @param {string} url */
  constructor(url) {
    this.#redis = new Redis(url);
  }

  /**
   * Processor time that the server has taken, that of writing to its clients included.
   * @returns {Promise<number>} nanoseconds
   */
  async cpuNs() {
    const info = await this.#redis.info('cpu');
    const [user, system] = [/used_cpu_user:([\d.]+)/, /used_cpu_sys:([\d.]+)/].map((pattern) =>
      Number(pattern.exec(info)?.[1]),
    );
    return (user + system) * 1e9;
  }

  /** Commands that it has run, those of scripts included. */
  async commands() {
    const info = await this.#redis.info('commandstats');
    return [...info.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)].reduce(
      (sum, [, name, calls]) => (BESIDE.has(name) ? sum : sum + Number(calls)),
      0,
    );
  }

  close() {
    this.#redis.disconnect();
  }
}
