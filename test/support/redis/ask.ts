import { connect } from 'node:net';

/**
 * Sends one command to the server on `port`, on a new connection, and returns its answer, which must not be an array.
 * Rejects when the server answers with an error, or not within one second (a paused server).
 */
export function ask(port: number, command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port });
    let received = '';
    // One character per byte, because a reply starts with its length in bytes.
    socket
      .setEncoding('latin1')
      .setTimeout(1_000, () => socket.destroy(new Error(`No answer to ${command} on port ${port}.`)));
    socket.on('data', (chunk) => {
      received += String(chunk);
      const reply = replyIn(received);
      if (reply === undefined) return;
      socket.destroy();
      if (reply instanceof Error) reject(reply);
      else resolve(reply);
    });
    socket.on('error', reject);
    socket.on('close', () =>
      reject(new Error(`The connection to port ${port} was closed before the answer to ${command}.`)),
    );
    socket.write(`${command}\r\n`);
  });
}

/** Like `ask`, but resolves with an empty string instead of rejecting. */
export function askOrNothing(port: number, command: string): Promise<string> {
  return ask(port, command).catch(() => '');
}

function replyIn(received: string): string | Error | undefined {
  const headEnd = received.indexOf('\r\n');
  if (headEnd < 0) return undefined;
  const head = received.slice(1, headEnd);
  if (received.startsWith('-')) return new Error(head);
  if (!received.startsWith('$')) return head;
  const start = headEnd + 2;
  const end = start + Number(head);
  return received.length < end + 2 ? undefined : received.slice(start, end);
}
