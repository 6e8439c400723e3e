import type { EntryCodec } from '../../core/values/codec.js';
import type { CacheAdapterContext } from '../../core/ports/cache-adapter.port.js';
import { settledWithin } from '../../core/ports/grace.js';
import type { ResolvedHybridRedisOptions, ResolvedRedisOptions } from './options/redis-options.js';
import { clientFor } from './ioredis/ioredis-clients.js';
import { ConnectionNotices } from './connection/connection-notices.js';
import { IoredisWire } from './ioredis/ioredis-wire.js';
import { RedisAdapter } from './redis.adapter.js';
import { RedisCoherence } from './redis-coherence.js';
import { RedisKeys } from './protocol/redis-keys.js';

/** Time that the start of an application waits for Redis. Then it goes on without Redis. */
const START_LIMIT_MS = 1_000;

/** Opens an adapter. When Redis is away, the adapter tries to connect until it is closed. */
export async function openRedisAdapter(
  options: ResolvedRedisOptions,
  codec: EntryCodec,
  context: CacheAdapterContext,
): Promise<RedisAdapter> {
  const { adapter, start } = openWith(await wireFor(options, context), options, codec, context);
  await start();
  return adapter;
}

/** Opens an adapter as a far tier, and the coherence that keeps near copies of its entries up to date. */
export async function openCoherentRedis(
  options: ResolvedHybridRedisOptions,
  codec: EntryCodec,
  context: CacheAdapterContext,
): Promise<{ far: RedisAdapter; coherence: RedisCoherence }> {
  const { name, version, clock } = context;
  const wire = await wireFor(options, context);
  const keys = new RedisKeys({ keyPrefix: options.keyPrefix, name, version, parts: 1 });
  const coherence = new RedisCoherence(wire, {
    mode: options.coherence,
    maxStalenessMs: options.maxStalenessMs,
    keys,
    clock,
    onNotice: (sentence) => context.onNotice(sentence),
  });
  const { adapter, start } = openWith(wire, options, codec, context);
  coherence.start();
  await start(() => (wire.isUp() ? coherence.firstProof : undefined));
  return { far: adapter, coherence };
}

async function wireFor(
  { connection, keyPrefix }: ResolvedRedisOptions,
  { name, version, clock, hold, onFinding }: CacheAdapterContext,
): Promise<IoredisWire> {
  const { wake } = new RedisKeys({ keyPrefix, name, version, parts: 1 });
  return new IoredisWire(await clientFor(connection, `${keyPrefix}:${name}`), {
    channel: wake,
    isForeign: connection.kind === 'client',
    clock,
    hold,
    onFinding,
  });
}

function openWith(
  wire: IoredisWire,
  { keyPrefix, commandTimeoutMs }: ResolvedRedisOptions,
  codec: EntryCodec,
  context: CacheAdapterContext,
) {
  const { clock, version } = context;
  const { subject, ...endpoint } = wire.endpoint();
  const notices = new ConnectionNotices({
    subject,
    endpoint,
    clock,
    describe: () => wire.describe(),
    complaint: () => wire.complaint(),
    onNotice: (sentence, level) => context.onNotice(sentence, level),
  });
  const adapter = new RedisAdapter(wire, { keyPrefix, version, codec, commandTimeoutMs, notices }, context);
  const start = async (then: () => Promise<unknown> | undefined = () => undefined): Promise<void> => {
    const ready = wire.connect().then(() => adapter.ready());
    await settledWithin(clock, START_LIMIT_MS, ready.then(then));
    notices.started(wire.reasonForSilence(START_LIMIT_MS));
  };
  return { adapter, start };
}
