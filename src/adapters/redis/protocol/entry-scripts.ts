import { script } from './script.js';

/* Scripts for one entry and its lease. What holds for all scripts is in script.ts. */

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
