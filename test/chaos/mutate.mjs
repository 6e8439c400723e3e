/*
 * Changes the kit while Node loads it: `node --import ./test/chaos/mutate.mjs <file>`, with the edits of a mutant in
 * CHAOS_EDITS (see mutants.ts). An edit whose text is not found ends the process: the code has changed, and its mutant
 * must follow.
 */
import { readFileSync } from 'node:fs';
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';

const DIST = new URL('../../dist/', import.meta.url);
const edits = new Map();

function changed(code, { file, find, replace }) {
  const parts = code.split(find);
  if (parts.length !== 2)
    throw new Error(`Expected dist/${file} to contain this text once, found it ${parts.length - 1} times: ${find}`);
  return parts.join(replace);
}

// Module hooks run in their own thread, which loads this file again.
if (isMainThread) {
  const data = JSON.parse(process.env.CHAOS_EDITS);
  for (const edit of data) changed(readFileSync(new URL(edit.file, DIST), 'utf8'), edit);
  register(import.meta.url, { data });
}

export function initialize(data) {
  for (const edit of data) {
    const url = new URL(edit.file, DIST).href;
    edits.set(url, [...(edits.get(url) ?? []), edit]);
  }
}

export async function load(url, context, next) {
  const own = edits.get(url);
  if (own === undefined) return next(url, context);
  return { format: 'module', source: own.reduce(changed, readFileSync(new URL(url), 'utf8')), shortCircuit: true };
}
