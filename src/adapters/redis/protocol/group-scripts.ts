import { script } from './script.js';

/* Scripts for the indexes and generations of groups. What holds for all scripts is in script.ts. */

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
