import { script } from './script.js';

/*
 * The board of the processes is one hash: a report under the id of its process, and the last call for reports under ''.
 * A value begins with the time of the server, in ms; a space and the text of the report follow.
 */

/** Puts a report on the board. KEYS board; ARGV id of the process, report, lifetime of the board in ms. */
export const PUT_REPORT = script(
  'put-report',
  `
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now_ms()) .. ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
`,
);

/**
 * Reads the board, and calls for reports unless somebody has done so recently. KEYS board; ARGV channel of the call,
 * least time between calls, greatest age of a report, lifetime of the board (all in ms). Answers `[age of the last call
 * or -1, id, age, report, ...]`. Removes older reports. A time in the future, after a jump of the clock, counts as old.
 *
 * It answers also when the server is full, or is a replica: then it writes nothing.
 */
export const READ_REPORTS = script(
  'read-reports',
  `
local now = now_ms()
local function age_of(value)
  local time = tonumber(string.match(value, '^%d+') or '')
  if time and time <= now then return now - time end
end
local all = redis.pcall('HGETALL', KEYS[1])
if all.err then redis.pcall('UNLINK', KEYS[1]) all = {} end
local called
local answer = {-1}
for i = 1, #all, 2 do
  local id, value = all[i], all[i + 1]
  local age = age_of(value)
  if id == '' then called = age
  elseif age and age <= tonumber(ARGV[3]) then
    answer[#answer + 1] = id
    answer[#answer + 1] = age
    answer[#answer + 1] = string.sub(value, string.find(value .. ' ', ' ', 1, true) + 1)
  else redis.pcall('HDEL', KEYS[1], id) end
end
if called then answer[1] = called end
if not called or called >= tonumber(ARGV[2]) then
  redis.pcall('HSET', KEYS[1], '', string.format('%.0f', now))
  redis.pcall('PEXPIRE', KEYS[1], ARGV[4])
  redis.pcall('PUBLISH', ARGV[1], KEYS[1])
end
return answer
`,
);
