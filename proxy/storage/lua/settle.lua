-- KEYS: leases, money, lapsed, rates, budgets, places, then of each share: pool, asker
-- ARGV: 1 reservation, 2 how, 3 numbers: when it was reserved; how many rates, budgets, places, shares; of each rate:
--       width, difference; of each budget: period, reserved, actual; of each share: difference
-- How:  first    as usual. If Redis does not know it, it has lost its data: what was used is added
--       again    it may have been done already
--       undo     nobody knows whether it was reserved, when, and in which periods; it was not used. The first number is
--                the length of its lease
--       lapsed   its lease ran out: whoever had it is dead, and what it had reserved counts as spent
-- Answer: 0 nothing to do, 1 done, 2 done although it had lapsed; of each budget: period, spent, reserved
local id, how, list = ARGV[1], ARGV[2], numbers(ARGV[3])
local state = 1
local blob = redis.call('HGET', KEYS[2], id)
local periods = {}
if how == 'undo' then
  local ends = redis.call('ZSCORE', KEYS[1], id)
  if not ends then return '0' end
  list[1] = tonumber(ends) - list[1]
  for start in string.gmatch(blob or '', '(%d+) %d+\n') do periods[#periods + 1] = tonumber(start) end
end
if how == 'lapsed' then
  local ends = redis.call('ZSCORE', KEYS[1], id)
  if not ends or tonumber(ends) > now then return '0' end
  redis.call('ZREM', KEYS[1], id)
  redis.call('HSET', KEYS[3], id, 1)
  redis.call('EXPIRE', KEYS[3], 86400)
elseif redis.call('ZREM', KEYS[1], id) == 0 then
  if redis.call('HDEL', KEYS[3], id) == 1 then
    state = 2
  elseif how ~= 'first' then
    return '0'
  end
end
if blob then redis.call('HDEL', KEYS[2], id) end
local key, at = 3, 5
local function next_key() key = key + 1 return KEYS[key] end
local function next_number() at = at + 1 return list[at] end
for _ = 1, list[2] do
  local window = look(next_key(), next_number())
  settle(window, math.floor(list[1] / window.width), next_number())
  close(window)
end
local answer = {state}
for i = 1, list[3] do
  local name, period, reserved, actual = next_key(), next_number(), next_number(), next_number()
  period = periods[i] or period
  local held = redis.call('HMGET', name, 'p', 's', 'r')
  local start, spent, open = tonumber(held[1]) or period, tonumber(held[2]) or 0, tonumber(held[3]) or 0
  if start == period then
    if state == 2 then
      spent = math.max(0, spent + actual - reserved)
    else
      spent, open = spent + actual, math.max(0, open - (blob and reserved or 0))
    end
    redis.call('HSET', name, 'p', start, 's', string.format('%.0f', spent), 'r', string.format('%.0f', open))
    budget_expires(name, start)
  end
  for _, number in ipairs({start, spent, open}) do answer[#answer + 1] = number end
end
for _ = 1, list[4] do redis.call('ZREM', next_key(), id) end
for _ = 1, list[5] do
  local pool, own, difference = look(next_key(), 1000000), look(next_key(), 1000000), next_number()
  local slot = math.floor(list[1] / 1000000)
  settle(pool, slot, difference)
  settle(own, slot, difference)
  close(pool) close(own)
end
return joined(answer)
