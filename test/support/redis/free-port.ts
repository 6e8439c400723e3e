import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** A cluster node talks to its peers on its port plus this. */
const BUS_OFFSET = 10_000;
// Below what systems give to outgoing connections and to `listen(0)`: a server that is down finds its port free again.
const FIRST_PORT = 10_000;
const LAST_PORT = 19_999;
const ATTEMPTS = 100;

/**
 * A port that was free a moment ago, as was that of its cluster bus. Another process may take it: who binds it retries.
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
