import type { Redis } from 'ioredis';

interface Connector {
  connectToSentinel?: (...parameters: unknown[]) => Redis;
}

/**
 * Stops a client from printing an error when a sentinel is away, since it asks another one. ioredis listens to each
 * sentinel for failovers with a client that has no listener for errors, and prints the errors of such clients.
 */
export function ignoreSentinelErrors(client: Redis): Redis {
  const { connector } = client as unknown as { connector?: Connector };
  const connect = connector?.connectToSentinel;
  if (connector !== undefined && connect !== undefined) {
    connector.connectToSentinel = (...parameters) => connect.apply(connector, parameters).on('error', () => undefined);
  }
  return client;
}
