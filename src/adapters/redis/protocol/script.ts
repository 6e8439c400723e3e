import { createHash } from 'node:crypto';
import { LASTING_SCORE } from './member-time.js';

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

export interface Script {
  readonly name: string;
  readonly lua: string;
  /** SHA-1 of the text, the name of the script for a server that knows it. */
  readonly sha: string;
}

/**
 * The functions that several scripts share. Each may call those above it. Those from `strike` on are for scripts of a
 * group: KEYS generation, index, and for a part of everything the index by creation.
 */
const HELPERS = `
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- The first 40 bytes of an entry (kind, lease, revision), or the 28 of a placeholder; '' for anything else. A key of
-- another type is removed.
local function lease_at(key)
  local h = redis.pcall('GETRANGE', key, 0, 39)
  if type(h) == 'table' then redis.call('UNLINK', key) return '' end
  if #h < (string.sub(h, 1, 1) == 'L' and 28 or 40) then return '' end
  if not string.find(h, '^[VSL][%-xsw][01]' .. string.rep('%d', 13) .. '[%w_%-]+$') then return '' end
  return h
end

local function is_entry(h) return h ~= '' and string.sub(h, 1, 1) ~= 'L' end

local function revision_at(key) return redis.call('GETRANGE', key, 28, 39) end

-- An entry without its value; '' for a placeholder.
local function head_at(key, h)
  if not is_entry(h) then return '' end
  return redis.call('GETRANGE', key, 0, (tonumber(redis.call('GETRANGE', key, 72, 78)) or 82) - 1)
end

local function wake(h, channel, key)
  if string.sub(h, 3, 3) == '1' then redis.pcall('PUBLISH', channel, key) end
end

local function outlive(key, ms)
  local left = redis.call('PTTL', key)
  if left >= 0 and left < ms then redis.call('PEXPIRE', key, ms) end
end

local function strike(members)
  for first = 1, #members, 500 do
    local some = {unpack(members, first, math.min(first + 499, #members))}
    for i = 2, #KEYS do redis.pcall('ZREM', KEYS[i], unpack(some)) end
  end
end

local function strike_expired(most)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', now_ms(), 'LIMIT', 0, most)
  strike(gone)
  return #gone
end

-- Time for which the keys of the group are needed, in ms: until its last member expires, and more. nil for ever, 0
-- without members.
local function needed_ms()
  local last = redis.pcall('ZRANGE', KEYS[2], -1, -1, 'WITHSCORES')
  if last.err then return nil end
  if #last == 0 then return 0 end
  local kept_until = tonumber(last[2])
  if kept_until >= ${LASTING_SCORE} then return nil end
  return math.ceil(math.max(kept_until - now_ms(), 0) * 1.25) + 5000
end

-- Sets the expiry of the keys of the group after members were struck. Keys without an expiry get one when the last
-- member without an end is gone. A load that is under way may have read the generation of an empty group, so the keys
-- stay for empty_ms.
local function settle(empty_ms)
  local needed = needed_ms()
  if not needed then return end
  for i = 1, #KEYS do
    local left = redis.call('PTTL', KEYS[i])
    if needed == 0 then
      if left == -1 or left > empty_ms then redis.call('PEXPIRE', KEYS[i], empty_ms) end
    elseif left == -1 then redis.call('PEXPIRE', KEYS[i], needed) end
  end
end
`;

const helpers = HELPERS.trim()
  .split('\n\n')
  .map((lua) => ({ lua, call: new RegExp(`\\b${(/function (\w+)/.exec(lua) as unknown as [string, string])[1]}\\(`) }))
  .reverse();

/**
 * Makes a script with the helpers that it calls, and no others: each function that a script defines costs the server
 * about as much as a read.
 */
export function script(name: string, body: string): Script {
  let lua = body;
  for (const helper of helpers) if (helper.call.test(lua)) lua = `${helper.lua}\n${lua}`;
  return { name, lua, sha: createHash('sha1').update(lua).digest('hex') };
}
