import type { Redis } from 'ioredis';
import { isCluster } from './ioredis-clients.js';
import type { Client } from './ioredis-send.js';

/*
 * Connections that do not keep the process alive. ioredis has no option for that. But it puts every socket and every
 * timer into a property of a client. These properties are watched, so that reconnections, the nodes that a cluster
 * finds later, its own subscriber, and the clients of sentinels do not keep the process alive either.
 */

interface Connector {
  connectToSentinel?: (...parameters: unknown[]) => Redis;
}

interface ClusterParts {
  readonly subscriber?: object;
}

/**
 * Lets the process end although a client, or a client that it makes, is connected or will connect again.
 * @returns the client
 */
export function unrefClient<T extends Client>(client: T): T {
  watch(client, 'reconnectTimeout', unrefHandle);
  if (isCluster(client)) unrefNodes(client);
  else {
    watch(client, 'stream', unrefHandle);
    unrefSentinels((client as unknown as { connector: Connector }).connector);
  }
  return client;
}

function unrefNodes(cluster: Client): void {
  watch(cluster, 'slotsTimer', unrefHandle);
  const { subscriber } = cluster as unknown as ClusterParts;
  if (subscriber !== undefined)
    watch(subscriber, 'subscriber', (client) => (client ? unrefClient(client as Redis) : undefined));
  for (const node of isCluster(cluster) ? cluster.nodes() : []) unrefClient(node);
  cluster.on('+node', (node: Redis) => void unrefClient(node));
}

function unrefSentinels(connector: Connector): void {
  const connect = connector.connectToSentinel;
  if (connect !== undefined)
    connector.connectToSentinel = (...parameters) => unrefClient(connect.apply(connector, parameters));
}

function unrefHandle(handle: unknown): void {
  (handle as { unref?: () => void } | null | undefined)?.unref?.();
}

/** Calls `see` with the value of a property, now and whenever it is set. */
function watch(target: object, name: string, see: (value: unknown) => void): void {
  let value = (target as Record<string, unknown>)[name];
  see(value);
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: true,
    get: () => value,
    set: (next: unknown) => {
      value = next;
      see(next);
    },
  });
}
