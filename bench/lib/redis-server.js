import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Starts a server on the loopback address that persists nothing. redis-server must be on the PATH. */
export async function startRedis() {
  const port = 20_000 + Math.floor(Math.random() * 10_000);
  const server = spawn(
    'redis-server',
    ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'],
    { stdio: 'ignore' },
  );
  const failed = once(server, 'exit').then(() => {
    throw new Error('redis-server did not start. Install it (Debian: `apt-get install redis-server`).');
  });
  failed.catch(() => undefined);
  await Promise.race([failed, untilOpen(port)]);
  return {
    url: `redis://127.0.0.1:${port}`,
    async stop() {
      const ended = once(server, 'exit');
      server.kill();
      await ended;
    },
  };
}

/** @param {number} port */
async function untilOpen(port) {
  for (;;) {
    const socket = connect(port, '127.0.0.1');
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
}
