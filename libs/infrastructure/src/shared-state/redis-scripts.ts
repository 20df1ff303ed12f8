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

/**
 * KEYS: circuit. ARGV: step, failures, window ms, open ms, trials, trial ms, ttl ms. Gives state, failures, allowed, trial,
 * ms to wait, changed, now. `stepCircuit` is the same in memory.
 */
export const circuitScript = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local held = redis.call('HMGET', KEYS[1], 'state', 'failures', 'until', 'trials')
local before = held[1] or 'closed'
local state, failures, till, trials = before, tonumber(held[2] or 0), tonumber(held[3] or 0), tonumber(held[4] or 0)
local step, limit, window, open = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local allowed, trial, wait, wrote = 0, 0, 0, false
if step == 'admit' then
  if state == 'closed' then allowed = 1
  elseif till <= now then
    state, till, trials, allowed, trial, wrote = 'half_open', now + tonumber(ARGV[6]), 1, 1, 1, true
  elseif state == 'half_open' and trials < tonumber(ARGV[5]) then
    trials, allowed, trial, wrote = trials + 1, 1, 1, true
  else wait = till - now end
elseif step ~= 'look' then
  if state == 'closed' then
    if step == 'succeeded' then failures, wrote = 0, true
    elseif step == 'failed' then
      if till <= now then failures = 0 end
      failures, till, wrote = failures + 1, now + window, true
      if failures >= limit then state, till, trials = 'open', now + open, 0 end
    end
  elseif state == 'half_open' then
    if step == 'trial succeeded' then state, failures, wrote = 'closed', 0, true
    elseif step == 'trial failed' then state, till, trials, wrote = 'open', now + open, 0, true
    elseif step == 'trial left' then trials, wrote = math.max(0, trials - 1), true end
  end
end
if wrote then
  if state == 'closed' and failures == 0 then redis.call('DEL', KEYS[1])
  else
    redis.call('HSET', KEYS[1], 'state', state, 'failures', failures, 'until', string.format('%.0f', till), 'trials', trials)
    redis.call('PEXPIRE', KEYS[1], ARGV[7])
  end
end
return { state, failures, allowed, trial, string.format('%.0f', wait), before ~= state and 1 or 0, string.format('%.0f', now) }`;
