/*
 * Replaces `bullmq` by another module, which OTHER_BULLMQ names: `node --import ./test/redis/bullmq/other-bullmq.mjs`.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// The hooks live in a thread of their own, which loads this same file.
if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  return next(specifier === 'bullmq' ? process.env.OTHER_BULLMQ : specifier, context);
}
