/*
 * The steps of a pending write that Redis must run as one. All keys of a queue share a hash slot.
 *
 *   <queue>:cache-kit:pending     ZSET: the ids of keys whose value is not written yet, by the time at which it is due
 *   <queue>:cache-kit:write:<id>  HASH: the latest value of one key: version, token, tries, order, value, claimed
 *   <queue>:cache-kit:version     STRING: the version that was given last
 *   <queue>:cache-kit:outcomes    STREAM: the writes that have ended
 *
 * `claimed` is the version that a worker has begun to write: a later value does not take over its time. All times are
 * those of the server, in ms. A script that arrives after the time for which its sender waits does nothing.
 */

export interface QueueScript {
  readonly name: string;
  readonly keys: number;
  readonly lua: string;
}

const NOW = `
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
`;

/**
 * Takes a value over. KEYS pending, write, version; ARGV id, token, latest time, largest number of pending keys, delay,
 * order, value. Answers `taken` version, ms until it is due, 1 if that is earlier than before | `full` | `late`
 */
export const ADD: QueueScript = {
  name: 'cacheKitAdd',
  keys: 3,
  lua: `${NOW}
local id, now = ARGV[1], now_ms()
if now > tonumber(ARGV[3]) then return {'late'} end
local due = tonumber(redis.call('ZSCORE', KEYS[1], id) or 'nil')
if not due and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[4]) then return {'full'} end
local known = redis.call('HMGET', KEYS[2], 'version', 'claimed')
local next = now + tonumber(ARGV[5])
local is_untried = due and known[1] ~= known[2]
if is_untried and due < next then next = due end
local version = redis.call('INCR', KEYS[3])
redis.call('HSET', KEYS[2], 'version', version, 'token', ARGV[2], 'tries', 0, 'order', ARGV[6], 'value', ARGV[7])
redis.call('ZADD', KEYS[1], next, id)
return {'taken', version, math.max(0, next - now), due and next < due and 1 or 0}
`,
};

/**
 * Begins to write the latest value. KEYS pending, write; ARGV id. Answers `claimed` version, tries, order, value |
 * `early` ms until it is due | `gone`
 */
export const CLAIM: QueueScript = {
  name: 'cacheKitClaim',
  keys: 2,
  lua: `${NOW}
local due = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 'nil')
if not due then return {'gone'} end
local left = due - now_ms()
if left > 0 then return {'early', left} end
local write = redis.call('HMGET', KEYS[2], 'version', 'tries', 'order', 'value')
if not write[4] then
  redis.call('ZREM', KEYS[1], ARGV[1])
  return {'gone'}
end
redis.call('HSET', KEYS[2], 'claimed', write[1])
return {'claimed', unpack(write)}
`,
};

/**
 * Ends a write. KEYS pending, write, outcomes; ARGV id, version, outcome, process, error, most outcomes, ms to keep
 * them. Answers `ended`, also when it had ended already | `replaced` when a later value is pending, which stays
 */
export const END: QueueScript = {
  name: 'cacheKitEnd',
  keys: 3,
  lua: `
local version = redis.call('HGET', KEYS[2], 'version')
if version and version ~= ARGV[2] then return {'replaced'} end
if not version then return {'ended'} end
redis.call('DEL', KEYS[2])
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*',
  'id', ARGV[1], 'version', ARGV[2], 'outcome', ARGV[3], 'process', ARGV[4], 'error', ARGV[5])
redis.call('PEXPIRE', KEYS[3], ARGV[7])
return {'ended'}
`,
};

/**
 * Puts a write off. KEYS pending, write; ARGV id, version, tries so far, pause. Answers `waiting` | `replaced` |
 * `ended`
 */
export const RETRY: QueueScript = {
  name: 'cacheKitRetry',
  keys: 2,
  lua: `${NOW}
local version = redis.call('HGET', KEYS[2], 'version')
if not version then return {'ended'} end
if version ~= ARGV[2] then return {'replaced'} end
redis.call('HSET', KEYS[2], 'tries', ARGV[3])
redis.call('ZADD', KEYS[1], now_ms() + tonumber(ARGV[4]), ARGV[1])
return {'waiting'}
`,
};

/** Makes writes due now. KEYS pending; ARGV ids. */
export const HURRY: QueueScript = {
  name: 'cacheKitHurry',
  keys: 1,
  lua: `${NOW}
local now = now_ms()
for _, id in ipairs(ARGV) do redis.call('ZADD', KEYS[1], 'XX', now, id) end
return #ARGV
`,
};

/** Gives a page of the pending writes. KEYS pending; ARGV first, count, ms until due. Answers id, ms left, ... */
export const PENDING: QueueScript = {
  name: 'cacheKitPending',
  keys: 1,
  lua: `${NOW}
local now = now_ms()
local latest = now + tonumber(ARGV[3])
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', latest, 'WITHSCORES', 'LIMIT', ARGV[1], ARGV[2])
for i = 2, #found, 2 do found[i] = math.max(0, found[i] - now) end
return found
`,
};

/** Gives the time of the server. KEYS pending, which selects the server. */
export const TIME: QueueScript = { name: 'cacheKitTime', keys: 1, lua: `${NOW}\nreturn {now_ms()}` };

export const SCRIPTS: readonly QueueScript[] = [ADD, CLAIM, END, RETRY, HURRY, PENDING, TIME];
