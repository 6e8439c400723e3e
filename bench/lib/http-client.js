import { connect } from 'node:net';
import { answerCommands } from './commands.js';

/*
 * A process that requests one path of a server over kept connections, and counts the responses. It reads only the head
 * of a response, so that its own work does not show in the measurement.
 */

const CONNECTIONS = 16;
const BEGIN = Buffer.from('HTTP/1.1 200 OK\r\n');

/** @type {{ request: Buffer, sockets: import('node:net').Socket[] } | undefined} */
let server;

answerCommands({
  async open({ port, path }) {
    const request = Buffer.from(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nAccept: application/json\r\n\r\n`);
    server = { request, sockets: await Promise.all(Array.from({ length: CONNECTIONS }, () => open(port))) };
  },
  async run({ requests }) {
    const perSocket = Math.ceil(requests / CONNECTIONS);
    await Promise.all((server?.sockets ?? []).map((socket) => askInTurn(socket, perSocket)));
    return perSocket * CONNECTIONS;
  },
});

/** @param {number} port @returns {Promise<import('node:net').Socket>} */
function open(port) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

/**
 * Sends requests one after the other, each after the response to the one before.
 * @param {import('node:net').Socket} socket
 * @param {number} count
 * @returns {Promise<void>}
 */
function askInTurn(socket, count) {
  return new Promise((resolve, reject) => {
    let left = count;
    let wanted = -1;
    const onData = (/** @type {Buffer} */ chunk) => {
      if (wanted < 0) {
        if (!chunk.subarray(0, BEGIN.length).equals(BEGIN))
          return reject(new Error(`Expected a 200, got ${chunk.subarray(0, 40).toString('latin1')}`));
        wanted = lengthOf(chunk);
      }
      wanted -= chunk.length;
      if (wanted > 0) return;
      wanted = -1;
      if (--left > 0) socket.write(server?.request ?? '');
      else {
        socket.off('data', onData);
        resolve();
      }
    };
    socket.on('data', onData);
    socket.write(server?.request ?? '');
  });
}

/** Returns the length of head and body, read from the head, which fits into one chunk. @param {Buffer} chunk */
function lengthOf(chunk) {
  const end = chunk.indexOf('\r\n\r\n');
  const length = /content-length: (\d+)/i.exec(chunk.toString('latin1', 0, end))?.[1];
  if (end < 0 || length === undefined) throw new Error('Expected the head of an answer with its length in one piece.');
  return end + 4 + Number(length);
}
