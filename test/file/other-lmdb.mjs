/*
 * Replaces `lmdb` by another module, which OTHER_LMDB names: `node --import ./test/file/other-lmdb.mjs`.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

// The hooks live in a thread of their own, which loads this same file.
if (isMainThread) register(import.meta.url);

export function resolve(specifier, context, next) {
  return next(specifier === 'lmdb' ? process.env.OTHER_LMDB : specifier, context);
}
