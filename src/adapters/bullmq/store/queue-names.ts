import { createHash } from 'node:crypto';
import { storedKey } from '../../../core/vocabulary/cache-key.js';

/** The names of a queue in Redis. */
export interface QueueNames {
  /** The `prefix` of BullMQ. */
  readonly prefix: string;
  /** The name of the queue, with braces: all its keys are on one node of a Cluster. */
  readonly queue: string;
}

/** Tells the queues of different caches, and of versions of one cache, apart. */
export function queueNames(
  prefix: string,
  { name, version }: { name: string; version: string | undefined },
): QueueNames {
  const cache = encodeURIComponent(name);
  return { prefix, queue: `{${version === undefined ? cache : `${cache}@${encodeURIComponent(version)}`}}` };
}

/** The id of a key in a queue. It begins with a letter, as BullMQ requires, and shows nothing of the key. */
export function idOf({ key, namespace }: { key: string; namespace: string | undefined }): string {
  return `k${createHash('sha256')
    .update(storedKey(key, namespace, undefined))
    .digest('base64url')}`;
}
