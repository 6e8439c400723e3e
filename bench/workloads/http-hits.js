import { fork } from 'node:child_process';
import { ask } from '../lib/commands.js';

/*
 * Requests for one path that is stored, from a process of its own: the processor time that is measured is the server's
 * alone.
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
