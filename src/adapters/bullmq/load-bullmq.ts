import { CacheConfigError } from '../../core/vocabulary/cache.errors.js';

/** The classes of the packages that the queue is made of. */
export type Packages = Pick<typeof import('bullmq'), 'DelayedError' | 'Queue' | 'Worker'> &
  Pick<typeof import('ioredis'), 'Redis'>;

/** The major version of BullMQ whose behaviour is tested. */
const MAJOR = 6;
const INSTALL = 'Install them with `npm install bullmq@6 ioredis`.';

/**
 * Loads BullMQ and ioredis, optional peers.
 * @throws CacheConfigError when one of them is not installed, or BullMQ has another major version
 */
export async function loadBullmq(): Promise<Packages> {
  const bullmq = await load(() => import('bullmq'));
  const { Redis } = await load(() => import('ioredis'));
  // Absent in the versions before 6.1.
  const { BULLMQ_MAJOR_VERSION, DelayedError, Queue, Worker } = bullmq as Partial<typeof bullmq> &
    Pick<typeof bullmq, 'DelayedError' | 'Queue' | 'Worker'>;
  if (BULLMQ_MAJOR_VERSION === MAJOR) return { DelayedError, Queue, Worker, Redis };
  throw new CacheConfigError(
    `\`bullmqWriteBehind\` needs the package \`bullmq\`, version 6.1 or later of major 6, got ` +
      `${BULLMQ_MAJOR_VERSION === undefined ? 'an older version' : `version ${BULLMQ_MAJOR_VERSION}`}. ${INSTALL}`,
  );
}

async function load<T>(entry: () => Promise<T>): Promise<T> {
  try {
    return await entry();
  } catch (cause) {
    throw new CacheConfigError(
      `\`bullmqWriteBehind\` needs the packages \`bullmq\`, version 6, and \`ioredis\`. ${INSTALL}`,
      {
        cause,
      },
    );
  }
}
