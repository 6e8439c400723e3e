import { type Channel, channel } from 'node:diagnostics_channel';
import type { CacheEvent } from './cache-events.js';

/** A message on a channel: an event, and the cache in which it happened. */
export type CacheMessage = CacheEvent & { readonly cache: string };

/**
 * The channels of `node:diagnostics_channel` that all caches of the process publish on. `hit` has events of type `hit`
 * and `stale`, `load` those of type `load` and `load-failed`, and `invalidate` those of type `invalidate` and `delete`.
 */
export const CHANNELS = {
  hit: channel('nestjs-cache-kit:hit'),
  miss: channel('nestjs-cache-kit:miss'),
  load: channel('nestjs-cache-kit:load'),
  invalidate: channel('nestjs-cache-kit:invalidate'),
  error: channel('nestjs-cache-kit:error'),
} as const;

/** The channel of an event; `undefined` for one that none publishes. */
export function channelOf(type: CacheEvent['type']): Channel | undefined {
  switch (type) {
    case 'hit':
    case 'stale':
      return CHANNELS.hit;
    case 'load':
    case 'load-failed':
      return CHANNELS.load;
    case 'invalidate':
    case 'delete':
      return CHANNELS.invalidate;
    case 'miss':
    case 'error':
      return CHANNELS[type];
    case 'set':
    case 'evict':
      return undefined;
  }
}
