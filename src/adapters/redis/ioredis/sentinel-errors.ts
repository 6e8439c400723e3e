import type { Redis } from 'ioredis';

interface Connector {
  connectToSentinel?: (...parameters: unknown[]) => Redis;
}

/**
 * Keeps a client from printing that a sentinel is away: another one is asked. ioredis has a client of its own for each
 * sentinel that it listens to for failovers, without a listener for errors, and prints the errors of such clients.
 */
export function ignoreSentinelErrors(client: Redis): Redis {
  const { connector } = client as unknown as { connector?: Connector };
  const connect = connector?.connectToSentinel;
  if (connector !== undefined && connect !== undefined) {
    connector.connectToSentinel = (...parameters) => connect.apply(connector, parameters).on('error', () => undefined);
  }
  return client;
}
