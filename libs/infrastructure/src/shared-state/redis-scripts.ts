/**
 * KEYS: buckets, then counters. ARGV: number of buckets, cost; rate, burst and idle ms of each bucket; limit (or ''), floor,
 * enforced (1 or 0), needs, adds and ttl ms of each counter. Gives the clock, then before and after of each, as texts that
 * lose no bit: `MemorySharedState.admit` is the same arithmetic in the same order.
 */
export const admitScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local exact = '%.17g'
local buckets, cost, at = tonumber(ARGV[1]), tonumber(ARGV[2]), 3
local before, stamps, after, fits = {}, {}, {}, true
for i = 1, buckets do
  local rate, burst = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local held = redis.call('GET', KEYS[i])
  before[i], stamps[i] = burst, now
  if held then
    local tokens, stamp = string.match(held, '(%S+) (%S+)')
    tokens, stamp = tonumber(tokens), tonumber(stamp)
    before[i] = math.min(burst, tokens + math.max(0, now - stamp) * rate / 1000)
    stamps[i] = math.max(now, stamp)
  end
  if before[i] < cost then fits = false end
  at = at + 3
end
for i = 1, buckets do
  after[i] = before[i]
  if fits then after[i] = before[i] - cost end
  local value = string.format(exact, after[i]) .. ' ' .. string.format(exact, stamps[i])
  redis.call('SET', KEYS[i], value, 'PX', ARGV[2 + i * 3])
end
local stored, first = {}, at
for i = buckets + 1, #KEYS do
  stored[i] = tonumber(redis.call('GET', KEYS[i]) or '0')
  before[i] = math.max(stored[i], tonumber(ARGV[at + 1]))
  local limit = tonumber(ARGV[at])
  if ARGV[at + 2] == '1' and limit and before[i] + tonumber(ARGV[at + 3]) > limit then fits = false end
  at = at + 6
end
at = first
for i = buckets + 1, #KEYS do
  after[i] = before[i]
  if fits then after[i] = before[i] + tonumber(ARGV[at + 4]) end
  if after[i] ~= stored[i] then redis.call('SET', KEYS[i], string.format(exact, after[i]), 'PX', ARGV[at + 5]) end
  at = at + 6
end
local out = { string.format(exact, now) }
for i = 1, #KEYS do
  out[#out + 1] = string.format(exact, before[i])
  out[#out + 1] = string.format(exact, after[i])
end
return out`;

/** KEYS: counter. ARGV: delta, ttl ms. */
export const addScript = `
local delta = tonumber(ARGV[1])
local stored = redis.call('GET', KEYS[1])
if not stored and delta <= 0 then return 0 end
local value = math.max(0, tonumber(stored or '0') + delta)
redis.call('SET', KEYS[1], string.format('%.17g', value), 'PX', ARGV[2])
return 1`;

/** KEYS: lock, fence. ARGV: token, ttl ms. The fence never falls, also after Redis lost it: the server's microseconds. */
export const lockScript = `
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return false end
local time = redis.call('TIME')
local fence = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, time[1] * 1000000 + time[2])
local text = string.format('%.0f', fence)
redis.call('SET', KEYS[2], text, 'PX', 86400000)
return text`;

/** KEYS: key. ARGV: '1' and the expected value, or '0' and ''; value; ttl ms. */
export const compareAndSetScript = `
local current = redis.call('GET', KEYS[1])
if ARGV[1] == '1' then
  if current ~= ARGV[2] then return 0 end
elseif current then return 0 end
redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[4])
return 1`;

/** KEYS: key. ARGV: expected value. */
export const compareAndDeleteScript = `
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])`;
