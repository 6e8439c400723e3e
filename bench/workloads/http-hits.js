import { fork } from 'node:child_process';
import { ask } from '../lib/commands.js';

/*
 * Requests for one stored path, from a process of its own: the measured processor time is that of the server only.
 */

const CLIENT = new URL('../lib/http-client.js', import.meta.url);

/** @param {{ port: number, path: string }} server */
export async function prepare({ port, path }) {
  const client = fork(CLIENT);
  process.once('exit', () => client.kill());
  await ask(client, { command: 'open', port, path });
  return {
    /** @param {number} calls */
    async hit(calls) {
      await ask(client, { command: 'run', requests: calls });
    },
  };
}
