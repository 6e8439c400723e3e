import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Offset from the port of a cluster node to the port of its cluster bus. */
const BUS_OFFSET = 10_000;
// Below the range of outgoing connections and of `listen(0)`, so that a server finds its port free when it restarts.
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;
const ATTEMPTS = 100;

/**
 * Finds a port that is free, together with the port of its cluster bus. Another process can take it before the caller
 * binds it, so the caller must retry.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST_PORT, LAST_PORT + 1);
    if ((await isFree(port)) && (await isFree(port + BUS_OFFSET))) return port;
  }
  throw new Error(`Found no free port between ${FIRST_PORT} and ${LAST_PORT} in ${ATTEMPTS} attempts.`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
