import { Redis } from 'ioredis';

/** Commands that do not belong to the measured calls: INFO itself, and the periodic proofs of a process. */
const BESIDE = new Set(['info', 'ping']);

/** Reads the statistics of a server, over a connection of its own. */
export class ServerFigures {
  #redis;

  /** @param {string} url */
  constructor(url) {
    this.#redis = new Redis(url);
  }

  /**
   * Processor time of the server, including that of writing to its clients.
   * @returns {Promise<number>} nanoseconds
   */
  async cpuNs() {
    const info = await this.#redis.info('cpu');
    const [user, system] = [/used_cpu_user:([\d.]+)/, /used_cpu_sys:([\d.]+)/].map((pattern) =>
      Number(pattern.exec(info)?.[1]),
    );
    return (user + system) * 1e9;
  }

  /** Number of commands that the server has run, including those of scripts. */
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
