import { script } from './script.js';

/*
 * What has to happen on the server in one step. Every script touches one hash slot, takes all names as KEYS, and costs
 * the same however many entries there are. How an entry and a generation are laid out is written in entry-record.ts and
 * generation.ts; positions here count from 0, as GETRANGE does, and from 1 inside string.sub.
 *
 * A key that holds another type than expected was written by somebody else under this cache's prefix. It is removed.
 * Nothing relies on a clock being right: TIME, the server's own, decides when entries expire and when a lease is over,
 * and refuses what was held up on the way for longer than its sender waits.
 */

/**
 * Takes the lease of an entry. KEYS entry; ARGV token, lease ms, purpose, exclusive 0/1, revision known to be of no use
 * or '', latest time. Answers `[state, ...]`: `granted` token, entry or '' | `shared` token, entry or '' (somebody
 * else's lease) | `held` ms left | `value` entry | `late`
 *
 * Who stores first under a shared token ends it, so of loads that share one result stays. A load during a write shares
 * the token of the write: whichever is stored first refuses the other. So do a load and the one whose lease ran out
 * before: with a token of its own it would refuse the other, and where all loads block their event loops for longer
 * than a lease none would ever be stored. A token is kept three times as long as its lease, so that a load that stood
 * still may store where no other has begun.
 */
export const ACQUIRE = script(
  'acquire',
  `
local key, token, lease, purpose, seen = KEYS[1], ARGV[1], tonumber(ARGV[2]), ARGV[3], ARGV[5]
local exclusive = ARGV[4] == '1'
local now = now_ms()
if now > tonumber(ARGV[6]) then return {'late'} end
local h = lease_at(key)
local stored = is_entry(h)
if stored and purpose == 'load' and revision_at(key) ~= seen then return {'value', redis.call('GET', key)} end
local flag, is_over = string.sub(h, 2, 2), h == '' or tonumber(string.sub(h, 4, 16)) <= now
if is_over and string.find(flag, '[xsw]') and purpose ~= 'write' then token = string.sub(h, 17, 28) end
if is_over then flag = '-' end
local entry = stored and redis.call('GET', key) or ''
if flag == 'x' and purpose ~= 'write' and exclusive then
  redis.call('SETRANGE', key, 2, '1')
  return {'held', tonumber(string.sub(h, 4, 16)) - now}
end
if flag ~= '-' and purpose ~= 'write' and not exclusive or flag == 'w' and purpose ~= 'write' then
  return {'shared', string.sub(h, 17, 28), entry}
end
local letter = 's'
if purpose == 'write' then letter = 'w' elseif exclusive then letter = 'x' end
local waiting = '0'
if flag ~= '-' then waiting = string.sub(h, 3, 3) end
local field = letter .. waiting .. string.format('%013d', now + lease) .. token
if stored then
  redis.call('SETRANGE', key, 1, field)
  outlive(key, 3 * lease)
else
  redis.call('SET', key, 'L' .. field, 'PX', 3 * lease)
end
return {'granted', token, entry}
`,
);

/**
 * Stores an entry. KEYS entry; ARGV token or '' for whatever is there, entry or '' for none, ms to keep it or '' for
 * ever, latest time, channel. Answers `[state, head of what it replaced, error]`: `stored` | `refused` | `late` |
 * `failed`, when the server has no room: then nothing is left under the key.
 */
export const STORE = script(
  'store',
  `
local key, token, entry, keep = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local h = lease_at(key)
if token == '' then
  if now_ms() > tonumber(ARGV[4]) then return {'late', ''} end
elseif h == '' or string.sub(h, 17, 28) ~= token then
  return {'refused', ''}
end
local head = head_at(key, h)
local done
if entry == '' then done = redis.call('UNLINK', key)
elseif keep == '' then done = redis.pcall('SET', key, entry)
else done = redis.pcall('SET', key, entry, 'PX', keep) end
local failed = type(done) == 'table' and done.err
if failed then redis.call('UNLINK', key) end
wake(h, ARGV[5], key)
if failed then return {'failed', head, failed} end
return {'stored', head}
`,
);

/** Gives a lease back. KEYS entry; ARGV token, channel. A lease that others may share ends by itself. */
export const RELEASE = script(
  'release',
  `
local h = lease_at(KEYS[1])
if h == '' or string.sub(h, 17, 28) ~= ARGV[1] or string.sub(h, 2, 2) == 's' then return 0 end
if string.sub(h, 1, 1) == 'L' then redis.call('UNLINK', KEYS[1])
else redis.call('SETRANGE', KEYS[1], 1, '-0' .. string.rep('0', 25)) end
wake(h, ARGV[2], KEYS[1])
return 1
`,
);

/** Makes a lease last from now. KEYS entry; ARGV token, lease ms. Answers 0 where it is lost. */
export const RENEW = script(
  'renew',
  `
local h = lease_at(KEYS[1])
if h == '' or string.sub(h, 17, 28) ~= ARGV[1] then return 0 end
redis.call('SETRANGE', KEYS[1], 3, string.format('%013d', now_ms() + ARGV[2]))
outlive(KEYS[1], 3 * ARGV[2])
return 1
`,
);

/**
 * Removes an entry or its placeholder. KEYS entry; ARGV revision or '' for whatever is there, channel. Answers its
 * head. By its revision only what is of no use any more is removed: a load that is to replace it keeps its lease.
 */
export const REMOVE = script(
  'remove',
  `
local h = lease_at(KEYS[1])
if h == '' then
  if ARGV[1] == '' then redis.call('UNLINK', KEYS[1]) end
  return ''
end
if ARGV[1] ~= '' and (not is_entry(h) or revision_at(KEYS[1]) ~= ARGV[1]) then return '' end
local head = head_at(KEYS[1], h)
if ARGV[1] ~= '' and string.sub(h, 2, 2) ~= '-' then
  local left = tonumber(string.sub(h, 4, 16)) - now_ms()
  local done = left > 0 and redis.pcall('SET', KEYS[1], 'L' .. string.sub(h, 2, 28), 'PX', 3 * left)
  if done and not done.err then return head end
end
redis.call('UNLINK', KEYS[1])
wake(h, ARGV[2], KEYS[1])
return head
`,
);

/**
 * Expires an entry now, keeps it as a stale one, and ends its loads. KEYS entry; ARGV channel. Answers `[1 if it was
 * fresh, its head as it was]`. One that cannot be written, because the server is full, is removed instead.
 */
export const SOFTEN = script(
  'soften',
  `
local key = KEYS[1]
local h = lease_at(key)
if h == '' then
  redis.call('UNLINK', key)
  return {0, ''}
end
if string.sub(h, 1, 1) == 'L' then
  redis.call('UNLINK', key)
  wake(h, ARGV[1], key)
  return {0, ''}
end
local head = head_at(key, h)
local now = now_ms()
local stale = tonumber(redis.call('GETRANGE', key, 56, 71))
local fresh = string.sub(h, 1, 1) == 'V' and tonumber(redis.call('GETRANGE', key, 40, 55)) > now
if fresh and stale == 0 then
  redis.call('UNLINK', key)
else
  local done = redis.pcall('SETRANGE', key, 0, 'S-0' .. string.rep('0', 25))
  if type(done) == 'table' then redis.call('UNLINK', key)
  elseif fresh then
    redis.call('SETRANGE', key, 40, string.format('%016d', now))
    if stale < 9999999999999999 then redis.call('PEXPIRE', key, stale) end
  end
end
wake(h, ARGV[1], key)
return {fresh and 1 or 0, head}
`,
);

/**
 * Enters members of a group. KEYS generation, index, and for a part of everything the index by creation; ARGV expected
 * generation or '' for any, generation to use where there is none, ms that the longest lives or '' for ever, then for
 * each member: name, time until which it is kept, time of creation. Answers `[1 if entered, generation]`.
 *
 * They are given more time than they need: each time that a generation is touched, processes that keep copies of what
 * is in the group are told, and forget them.
 *
 * Members are struck by what the index says. Where that was evicted, nothing would ever strike those that only the
 * index by creation still has, so it goes as well.
 */
export const ENTER = script(
  'enter',
  `
local expected, keep = ARGV[1], ARGV[3]
local g = redis.pcall('GET', KEYS[1])
if g and (type(g) == 'table' or #g < 16) then redis.call('UNLINK', KEYS[1]) g = false end
if not g then
  if expected ~= '' then return {0, ''} end
  g = ARGV[2]
  redis.call('SET', KEYS[1], g)
elseif expected ~= '' and g ~= expected then
  return {0, g}
end
local is_alone = false
for i = 2, #KEYS do
  local kind = redis.call('TYPE', KEYS[i]).ok
  if kind ~= 'none' and (kind ~= 'zset' or is_alone) then redis.call('UNLINK', KEYS[i]) end
  is_alone = kind ~= 'zset'
end
for i = 4, #ARGV, 3 do
  redis.call('ZADD', KEYS[2], ARGV[i + 1], ARGV[i])
  if KEYS[3] then redis.call('ZADD', KEYS[3], ARGV[i + 2], ARGV[i]) end
end
strike_expired(8 + 2 * (#ARGV - 3) / 3)
for i = 1, #KEYS do
  local left = redis.call('PTTL', KEYS[i])
  if keep == '' then
    if left >= 0 then redis.call('PERSIST', KEYS[i]) end
  elseif left >= 0 and left < tonumber(keep) then
    redis.call('PEXPIRE', KEYS[i], math.ceil(keep * 1.25) + 5000)
  elseif left == -1 then
    local needed = needed_ms()
    if needed then redis.call('PEXPIRE', KEYS[i], math.max(needed, math.ceil(keep * 1.25) + 5000)) end
  end
end
return {1, g}
`,
);

/**
 * Takes members out of a group, and some whose time is over. KEYS as for ENTER; ARGV ms after which the generation of
 * an empty group may go, members.
 */
export const LEAVE = script(
  'leave',
  `
strike({unpack(ARGV, 2)})
if redis.call('TYPE', KEYS[2]).ok == 'zset' then strike_expired(8 + 2 * #ARGV) end
settle(tonumber(ARGV[1]))
return 1
`,
);

/**
 * Takes members out of a group whose time is over. KEYS as for ENTER; ARGV as for LEAVE, how many at most. Answers how
 * many.
 */
export const STRIKE = script(
  'strike',
  `
if redis.call('TYPE', KEYS[2]).ok ~= 'zset' then return 0 end
local struck = strike_expired(ARGV[2])
if struck > 0 then settle(tonumber(ARGV[1])) end
return struck
`,
);

/**
 * Takes members out of a group that have no entry any more. KEYS as for ENTER; ARGV ms as for LEAVE, then for each
 * member its name and the time that it had when there was no entry: one with another time was stored since. Answers how
 * many it took out.
 */
export const STRIKE_LOST = script(
  'strike-lost',
  `
if redis.call('TYPE', KEYS[2]).ok ~= 'zset' then return 0 end
local lost = {}
for i = 2, #ARGV, 2 do
  local kept_until = redis.call('ZSCORE', KEYS[2], ARGV[i])
  if kept_until and tonumber(kept_until) == tonumber(ARGV[i + 1]) then lost[#lost + 1] = ARGV[i] end
end
strike(lost)
if #lost > 0 then settle(tonumber(ARGV[1])) end
return #lost
`,
);

/**
 * Which keys there are. KEYS entries; answers a text of as many digits, 1 for each that is there. Leaves them as unused
 * as they were.
 */
export const PRESENT = script(
  'present',
  `
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('EXISTS', key) end
return table.concat(found)
`,
);

/**
 * Ends a generation. KEYS generation, index, trash, and for a part of everything the index by creation; ARGV 1 for
 * a dry run. Answers how many members are live, whether there is trash, and the generation or ''.
 */
export const END = script(
  'end',
  `
local g = redis.pcall('GET', KEYS[1])
if type(g) ~= 'string' then g = '' end
local is_index = redis.call('TYPE', KEYS[2]).ok == 'zset'
local live = is_index and redis.call('ZCOUNT', KEYS[2], '(' .. string.format('%.0f', now_ms()), '+inf') or 0
if ARGV[1] == '1' then return {live, 0, g} end
redis.call('UNLINK', KEYS[1])
if KEYS[4] then redis.call('UNLINK', KEYS[4]) end
if not is_index then
  redis.call('UNLINK', KEYS[2])
  return {live, 0, g}
end
redis.call('RENAME', KEYS[2], KEYS[3])
return {live, 1, g}
`,
);

/**
 * Expires all that is stored under a generation, softly. KEYS generation. Answers 0 where there was none. A generation
 * that cannot be written, because the server is full, is ended instead.
 */
export const SOFTEN_ALL = script(
  'soften-all',
  `
local g = redis.pcall('GET', KEYS[1])
if type(g) ~= 'string' then return 0 end
local base, times = tonumber(string.sub(g, 13, 16)), string.sub(g, 17)
if #times >= 16 * 13 then
  times = string.sub(times, 14)
  base = base + 1
end
local left = redis.call('PTTL', KEYS[1])
local done
if base > 9900 then done = {err = 'full'}
else
  local new = string.sub(g, 1, 12) .. string.format('%04d', base) .. times .. string.format('%013d', now_ms())
  if left >= 0 then done = redis.pcall('SET', KEYS[1], new, 'PX', math.max(left, 1)) else done = redis.pcall('SET', KEYS[1], new) end
end
if type(done) == 'table' and done.err then redis.call('UNLINK', KEYS[1]) end
return 1
`,
);

/**
 * Gives a generation another id, so that all that carries the old one is invalid until it is marked anew. KEYS
 * generation; ARGV id. Answers what it was, '' where there was none. One that cannot be written is ended instead.
 */
export const REPLACE = script(
  'replace',
  `
local g = redis.pcall('GET', KEYS[1])
if type(g) ~= 'string' then return '' end
local done = redis.pcall('SETRANGE', KEYS[1], 0, ARGV[1])
if type(done) == 'table' then redis.call('UNLINK', KEYS[1]) end
return g
`,
);

/**
 * Marks an entry anew. KEYS entry; ARGV its revision, place of the mark, id that stands there, id to put there. One
 * that cannot be written, because the server is full, stays invalid.
 */
export const REMARK = script(
  'remark',
  `
local h = lease_at(KEYS[1])
if not is_entry(h) or revision_at(KEYS[1]) ~= ARGV[1] then return 0 end
local place = tonumber(ARGV[2])
if redis.call('GETRANGE', KEYS[1], place, place + 11) ~= ARGV[3] then return 0 end
local done = redis.pcall('SETRANGE', KEYS[1], place, ARGV[4])
return type(done) == 'number' and 1 or 0
`,
);

/**
 * The ids of all parts of all tags, made where they are missing. KEYS hash; ARGV ms to keep it, start of new ids,
 * number of parts.
 */
export const EPOCHS = script(
  'epochs',
  `
if redis.call('TYPE', KEYS[1]).ok ~= 'hash' then redis.call('UNLINK', KEYS[1]) end
local ids = {}
for part = 0, tonumber(ARGV[3]) - 1 do
  local id = redis.call('HGET', KEYS[1], part)
  if not id then
    id = ARGV[2] .. part
    redis.call('HSET', KEYS[1], part, id)
  end
  ids[part + 1] = id
end
if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[1]) then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return ids
`,
);

/**
 * Makes a key live for half as long at least. KEYS key; ARGV ms. Asked for every second, so it does nothing nearly
 * always, see ENTER.
 */
export const OUTLIVE = script(
  'outlive',
  `if redis.call('PTTL', KEYS[1]) < ARGV[1] / 2 then outlive(KEYS[1], tonumber(ARGV[1])) end return 1`,
);

/**
 * What the processes of a cache tell each other, see roll-call.ts. KEYS mark, bus, mute, a key that is never stored;
 * ARGV id for what has to be made, ms to keep it, 1 where the caller listens on the bus, 1 where it changes entries and
 * may not publish. Answers the values of the first three, '' where there is none.
 *
 * Removing what is not there is refused by a replica, changes nothing, and lets the rest be written where the server is
 * full.
 */
export const BEAT = script(
  'beat',
  `
local keep = tonumber(ARGV[2])
local function standing(key, wanted)
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
local mark = standing(KEYS[1], true)
local mute, is_new = standing(KEYS[3], ARGV[4] == '1')
if is_new then redis.call('UNLINK', KEYS[2]) end
return {mark, (standing(KEYS[2], ARGV[3] == '1')), mute}
`,
);

/** The time of the server, in ms. KEYS any key of it. */
export const TIME = script('time', `return now_ms()`);

/**
 * Counts the members of a part of everything that are live, and strikes others. KEYS as for ENTER; ARGV as for STRIKE.
 * Answers `[struck, live, oldest, newest]`, the last two as times of creation or ''.
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
 * Members in the order of their creation. KEYS index by creation; ARGV member and its time after which to go on, or ''
 * and '', how many at most. Answers `[member, time, ...]`. Goes on at the same place where that member is gone or was
 * stored anew.
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
