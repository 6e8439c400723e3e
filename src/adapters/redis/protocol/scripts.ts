import { script } from './script.js';

/*
 * The steps that the server must run as one. Every script touches one hash slot, takes all names as KEYS, and costs the
 * same for any number of stored entries. The layouts of an entry and of a generation are in entry-record.ts and
 * generation.ts. Positions count from 0 in GETRANGE and SETRANGE, and from 1 in string.sub.
 *
 * A key of another type than expected was written by another program under the prefix of this cache. It is removed.
 *
 * No script relies on the clock of a client. TIME, the clock of the server, decides when an entry expires and when a
 * lease ends. It also refuses a script that arrives after the time for which its sender waits ("latest time").
 *
 * A lease is the right of a load to store, its token a random text in the entry or placeholder. Members are the names
 * in an index; to strike them is to take them out of the indexes of a group.
 */

/**
 * Takes the lease of an entry. KEYS entry; ARGV token, lease ms, purpose, exclusive 0/1, revision that may be replaced
 * or '', latest time. Answers `[state, ...]`: `granted` token, entry or '' | `shared` token, entry or '' (the lease of
 * another load) | `held` ms left | `value` entry | `late`
 *
 * The first result that is stored under a shared token ends the token, so of the loads that share it one result is
 * kept. A load during a write shares the token of the write: the first of both that stores refuses the other. A load
 * after the end of a lease shares its token with the load that had the lease. With a token of its own it would refuse
 * that one, and if all loads block their event loops for longer than a lease, no result would ever be stored. A token
 * is kept three times as long as its lease, so that a load that was paused can still store if no other has begun.
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
 * Stores an entry. KEYS entry; ARGV token or '' to replace anything, entry or '' to remove it, ms to keep it or '' for
 * ever, latest time, channel. Answers `[state, head of the replaced entry, error]`: `stored` | `refused` | `late` |
 * `failed` when the server is full, and the key is removed.
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

/** Gives a lease back. KEYS entry; ARGV token, channel. A shared lease stays until it ends by time. */
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

/** Renews a lease from now on. KEYS entry; ARGV token, lease ms. Answers 1, or 0 when the lease is lost. */
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
 * Removes an entry or its placeholder. KEYS entry; ARGV revision or '' for any, channel. Answers the head of the entry,
 * or ''. With a revision, the entry is already invalid or expired: a load that is about to replace it keeps its lease.
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
 * fresh, its head before]`. An entry that cannot be written, because the server is full, is removed instead.
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
 * Enters members in a group. KEYS generation, index, and for a part of everything the index by creation; ARGV expected
 * generation or '' for any, generation to set if there is none, ms that the longest entry lives or '' for ever, then
 * for each member: name, time until which it is kept, time of creation. Answers `[1 if entered, generation]`.
 *
 * The keys get more time than the entries need. Each change of a generation's expiry is announced by tracking, and
 * makes processes drop their near copies of the group, so it should be rare.
 *
 * Members are struck by the times in the index. If the index was evicted, nothing would ever strike the members that
 * only the index by creation still has, so that one is removed, too.
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
 * Takes members out of a group, and some expired ones. KEYS as for ENTER; ARGV ms for which the generation of an empty
 * group is kept, members.
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
 * Takes expired members out of a group. KEYS as for ENTER; ARGV ms as for LEAVE, members at most. Answers the number of
 * members that it took out.
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
 * Takes members without an entry out of a group. KEYS as for ENTER; ARGV ms as for LEAVE, then for each member its
 * name, and the time that it had in the index before its entry was found missing: a member with another time was stored
 * since. Answers the number of members that it took out.
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
 * Looks which keys exist. KEYS entries; answers a text with a digit for each, 1 if it exists. Does not count as a use
 * of the keys for the eviction by LRU and LFU.
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
 * a dry run. Answers `[number of live members, 1 if there is trash, generation or '']`.
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
 * Makes all entries of a generation stale. KEYS generation. Answers 1, or 0 without a generation. One that cannot be
 * written, because the server is full, is ended instead.
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
  if left >= 0 then done = redis.pcall('SET', KEYS[1], new, 'PX', math.max(left, 1))
  else done = redis.pcall('SET', KEYS[1], new) end
end
if type(done) == 'table' and done.err then redis.call('UNLINK', KEYS[1]) end
return 1
`,
);

/**
 * Gives a generation another id, so that all entries with the old one are invalid until they are marked again. KEYS
 * generation; ARGV id. Answers the generation before, or ''. One that cannot be written is ended instead.
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
 * Marks an entry again. KEYS entry; ARGV its revision, position of the mark, old id, new id. Answers 1 if it did. An
 * entry that cannot be written, because the server is full, stays invalid.
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
 * Reads the epochs of all parts of all tags, and makes the missing ones. KEYS hash; ARGV ms to keep it, start of new
 * epochs, number of parts. Answers the epochs in the order of the parts.
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
 * Keeps a key for half of the given time at least. KEYS key; ARGV ms. It runs every second and seldom changes the
 * expiry (see ENTER for the reason).
 */
export const OUTLIVE = script(
  'outlive',
  `if redis.call('PTTL', KEYS[1]) < ARGV[1] / 2 then outlive(KEYS[1], tonumber(ARGV[1])) end return 1`,
);

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
