import { fork } from 'node:child_process';

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

/** @param {import('node:child_process').ChildProcess} client @param {Record<string, unknown>} message @returns {Promise<any>} */
function ask(client, message) {
  return new Promise((resolve, reject) => {
    client.once('message', (/** @type {{ answer?: unknown, error?: string }} */ { answer, error }) => (error === undefined ? resolve(answer) : reject(new Error(error))));
    client.send(message);
  });
}
