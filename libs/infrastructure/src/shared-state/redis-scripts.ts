/** KEYS: buckets. ARGV: cost, then rate, burst and idle ms of each. Gives tokens before and after of each, as texts. */
export const takeScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + time[2] / 1000
local cost = tonumber(ARGV[1])
local before, all = {}, true
for i, key in ipairs(KEYS) do
  local rate, burst = tonumber(ARGV[i * 3 - 1]), tonumber(ARGV[i * 3])
  local held = redis.call('HMGET', key, 't', 'a')
  local tokens = burst
  if held[1] then
    tokens = math.min(burst, tonumber(held[1]) + math.max(0, now - tonumber(held[2])) * rate / 1000)
  end
  before[i] = tokens
  if tokens < cost then all = false end
end
local out = {}
for i, key in ipairs(KEYS) do
  local after = before[i]
  if all then after = after - cost end
  redis.call('HSET', key, 't', string.format('%.9f', after), 'a', string.format('%.3f', now))
  redis.call('PEXPIRE', key, ARGV[i * 3 + 1])
  out[#out + 1] = string.format('%.9f', before[i])
  out[#out + 1] = string.format('%.9f', after)
end
return out`;

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
