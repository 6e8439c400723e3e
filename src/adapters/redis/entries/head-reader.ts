import { type EntryHead, headBytesOf, isEntry, readHead, USUAL_HEAD_BYTES } from '../protocol/entry-record.js';
import type { RedisLink } from '../connection/redis-link.js';
import { plain, type Reply } from '../connection/command.js';

/**
 * The heads of entries, in the order of their names; `undefined` where there is none. The values stay where they are.
 */
export async function readHeads(
  link: RedisLink,
  names: readonly string[],
  limitMs: number,
): Promise<(EntryHead | undefined)[]> {
  const replies = await link.run(
    names.map((name) => plain('GETRANGE', name, 0, USUAL_HEAD_BYTES - 1)),
    limitMs,
  );
  return Promise.all(replies.map((reply, i) => headIn(link, names[i] as string, reply, limitMs)));
}

async function headIn(link: RedisLink, name: string, reply: Reply, limitMs: number): Promise<EntryHead | undefined> {
  if (!Buffer.isBuffer(reply) || reply.length === 0 || !isEntry(reply)) return undefined;
  const bytes = headBytesOf(reply);
  if (bytes <= reply.length) return readHead(reply);
  const [whole] = await link.run([plain('GETRANGE', name, 0, bytes - 1)], limitMs);
  return Buffer.isBuffer(whole) ? readHead(whole) : undefined;
}
