import { script } from './script.js';

/* Scripts that ask the server about itself and its keys. What holds for all scripts is in script.ts. */

/**
 * Exchanges what the processes of a cache must know about each other (roll-call.ts). KEYS mark, bus, mute, a key that
 * is never stored; ARGV id for missing values, ms to keep them, 1 if the caller listens on the bus, 1 if it changes
 * entries and is not allowed to publish. Answers the values of the first three, '' for a missing one.
 *
 * The UNLINK of the key that is never stored changes nothing. It makes a replica refuse the script, and it lets the
 * script write when the server is full.
 */
export const BEAT = script(
  'beat',
  `
local keep = tonumber(ARGV[2])
local function value_at(key, wanted)
  local id = redis.pcall('GET', key)
  if type(id) == 'table' then redis.call('UNLINK', key) id = false end
  if id == '' then id = false end
  if not wanted then return id or '', false end
  if not id then
    redis.call('SET', key, ARGV[1], 'PX', keep)
    return ARGV[1], true
  end
  if redis.call('PTTL', key) < keep / 2 then redis.call('PEXPIRE', key, keep) end
  return id, false
end
redis.call('UNLINK', KEYS[4])
local mark = value_at(KEYS[1], true)
local mute, is_new = value_at(KEYS[3], ARGV[4] == '1')
if is_new then redis.call('UNLINK', KEYS[2]) end
return {mark, (value_at(KEYS[2], ARGV[3] == '1')), mute}
`,
);

/** Reads the time of the server, in ms. KEYS any key on that server. */
export const TIME = script('time', `return now_ms()`);

/**
 * Counts the live members of a part of everything, and strikes expired ones. KEYS as for ENTER; ARGV as for STRIKE.
 * Answers `[number of struck members, number of live members, oldest, newest]`, the last two as times of creation or
 * ''.
 */
export const SURVEY = script(
  'survey',
  `
local struck = strike_expired(ARGV[2])
if struck > 0 then settle(tonumber(ARGV[1])) end
local live = redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now_ms()), '+inf')
local oldest = redis.call('ZRANGE', KEYS[3], 0, 0, 'WITHSCORES')
local newest = redis.call('ZRANGE', KEYS[3], -1, -1, 'WITHSCORES')
return {struck, live, oldest[2] or '', newest[2] or ''}
`,
);

/**
 * Reads members in the order of their creation. KEYS index by creation; ARGV the last member read and its time, or ''
 * and '', members at most. Answers `[member, time, ...]`. Goes on at the same place when that member is gone or was
 * stored again.
 */
export const PAGE = script(
  'page',
  `
local key, after, time, count = KEYS[1], ARGV[1], ARGV[2], tonumber(ARGV[3])
if after == '' then return redis.call('ZRANGE', key, 0, count - 1, 'WITHSCORES') end
if redis.call('ZSCORE', key, after) == time then
  local rank = redis.call('ZRANK', key, after)
  return redis.call('ZRANGE', key, rank + 1, rank + count, 'WITHSCORES')
end
local rank = redis.call('ZCOUNT', key, '-inf', '(' .. time)
local found = {}
repeat
  local some = redis.call('ZRANGE', key, rank, rank + count - 1, 'WITHSCORES')
  for i = 1, #some, 2 do
    if some[i + 1] ~= time or some[i] > after then
      found[#found + 1] = some[i]
      found[#found + 1] = some[i + 1]
    end
  end
  rank = rank + count
until #found > 0 or redis.call('ZCARD', key) <= rank
return found
`,
);
