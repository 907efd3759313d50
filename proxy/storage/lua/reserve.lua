-- KEYS: fence, leases, money, rates, budgets, places, then of each share: pool, asking, short, asker
-- ARGV: 1 reservation, 2 epoch, 3 lease in microseconds,
--       4 how many rates, budgets, places, shares; of each rate: width, limit; of each budget: kind (0 total, 1 day,
--         2 week, 3 month), limit; of each place: limit; of each share: limit, ceiling, weight
--       5 amounts: of each rate, each budget, each share
-- Answer: 1 admitted, 0 refused, 2 fenced off; now; of each rate: used, wait, reset; of each budget: period, spent,
--         reserved, fits; of each place: taken; of each share: used, wait
local id, lease = ARGV[1], tonumber(ARGV[3])
local fence = redis.call('GET', KEYS[1])
if fence and tonumber(fence) > tonumber(ARGV[2]) then return joined({2, now}) end
local spec, cost = numbers(ARGV[4]), numbers(ARGV[5])
local key, at, item = 3, 4, 0
local function next_key() key = key + 1 return KEYS[key] end
local function next_spec() at = at + 1 return spec[at] end
local function next_cost() item = item + 1 return cost[item] end
local admitted = true

local rates = {}
for i = 1, spec[1] do
  local window = look(next_key(), next_spec())
  local rate = {window = window, limit = next_spec(), cost = next_cost()}
  rate.wait = wait(window, rate.cost, rate.limit)
  if rate.wait > 0 then admitted = false end
  rates[i] = rate
end

-- The start of the calendar period, in Unix seconds. 1970-01-01 was a Thursday.
local function period_start(kind)
  if kind == 0 then return 0 end
  local day = math.floor(now / 86400000000)
  if kind == 2 then day = day - (day + 3) % 7 end
  if kind == 3 then  -- days since 0000-03-01, in eras of 400 years: howardhinnant.github.io/date_algorithms.html
    local e = (day + 719468) % 146097
    local year = math.floor((e - math.floor(e / 1460) + math.floor(e / 36524) - math.floor(e / 146096)) / 365)
    local of_year = e - (365 * year + math.floor(year / 4) - math.floor(year / 100))
    local month = math.floor((5 * of_year + 2) / 153)
    day = day - (of_year - math.floor((153 * month + 2) / 5))
  end
  return day * 86400
end

local budgets = {}
for i = 1, spec[2] do
  local budget = {key = next_key(), start = period_start(next_spec()), limit = next_spec(), cost = next_cost()}
  local held = redis.call('HMGET', budget.key, 'p', 's', 'r')
  local start = tonumber(held[1])
  budget.spent, budget.reserved = 0, 0
  if start and start >= budget.start then
    budget.start, budget.spent, budget.reserved = start, tonumber(held[2]), tonumber(held[3])
  end
  budget.fits = budget.spent + budget.reserved + budget.cost <= budget.limit
  if not budget.fits then admitted = false end
  budgets[i] = budget
end

local places = {}
for i = 1, spec[3] do
  local place = {key = next_key()}
  place.taken = redis.call('ZCOUNT', place.key, now, '+inf')
  if place.taken >= next_spec() then admitted = false end
  places[i] = place
end

-- Let a tenant's weight count in the current slot of a window, and no longer where it did.
local function weigh(share, window, slot_field, weight_field, slot, weight)
  if weight > 0 then settle(window, slot, -weight) end
  put(window, window.current, share.weight)
  redis.call('HSET', share.own.key, slot_field, window.current, weight_field, share.weight)
  share.own.changed = true
end

-- Slot by slot: amounts leave, and others stop asking and being short.
local function fits_in(share, most)
  local pool, own = share.pool.total + share.cost, share.own.total + share.cost
  local asking, short = share.asking.total, share.short.total
  local p, o, a, s = amounts(share.pool), amounts(share.own), amounts(share.asking), amounts(share.short)
  local current = share.pool.current
  for slot = current - SLOTS, current - 1 do
    pool, own = pool - (p[slot] or 0), own - (o[slot] or 0)
    asking, short = asking - (a[slot] or 0), short - (s[slot] or 0)
    local within, borrowed = own * asking <= most, pool <= share.ceiling and own * short <= most
    if pool <= share.limit and (within or borrowed) then return leaves(share.pool, slot) end
  end
  return leaves(share.pool, current)
end

-- Microseconds until it fits, 0 when it does. The tenant asks from now on, and is short if it has to wait.
local function ask(share)
  local kept = redis.call('HMGET', share.own.key, 'a', 'w', 'l', 'k')
  local asked, asks = tonumber(kept[1]) or -1, tonumber(kept[2]) or 0
  local lacked, lacks = tonumber(kept[3]) or -1, tonumber(kept[4]) or 0
  local asking, short, most = share.asking, share.short, share.ceiling * share.weight
  if asked ~= asking.current or asks ~= share.weight then weigh(share, asking, 'a', 'w', asked, asks) end
  local pool, own = share.pool.total + share.cost, share.own.total + share.cost
  if pool <= share.limit then
    if own * asking.total <= most then return 0 end
    local others = short.total - (lacked >= short.first and lacks or 0)
    if pool <= share.ceiling and own * (others + share.weight) <= most then return 0 end
  end
  weigh(share, short, 'l', 'k', lacked, lacks)
  return fits_in(share, most)
end

local shares = {}
for i = 1, spec[4] do
  local share = {pool = look(next_key(), 1000000), asking = look(next_key(), 1000000)}
  share.short, share.own = look(next_key(), 1000000), look(next_key(), 1000000)
  share.limit, share.ceiling, share.weight, share.cost = next_spec(), next_spec(), next_spec(), next_cost()
  share.wait = ask(share)
  if share.wait > 0 then admitted = false end
  shares[i] = share
end

local answer = {admitted and 1 or 0, now}
local function tell(...) for _, number in ipairs({...}) do answer[#answer + 1] = number end end
for _, rate in ipairs(rates) do
  if admitted then
    put(rate.window, rate.window.current, rate.cost)
    close(rate.window)
    tell(rate.window.total, 0, rate.cost > 0 and leaves(rate.window, rate.window.current) or reset(rate.window))
  else
    tell(rate.window.total, rate.wait, reset(rate.window))
  end
end
local owed = {}
for i, budget in ipairs(budgets) do
  if admitted then
    budget.reserved = budget.reserved + budget.cost
    redis.call('HSET', budget.key, 'p', budget.start, 's', string.format('%.0f', budget.spent),
      'r', string.format('%.0f', budget.reserved))
    budget_expires(budget.key, budget.start)
    owed[i] = string.format('%s %.0f %.0f\n', budget.key, budget.start, budget.cost)
  end
  tell(budget.start, budget.spent, budget.reserved, budget.fits and 1 or 0)
end
for _, place in ipairs(places) do
  if admitted then
    redis.call('ZREMRANGEBYSCORE', place.key, '-inf', now)
    redis.call('ZADD', place.key, now + lease, id)
    redis.call('EXPIRE', place.key, 86400)
  end
  tell(place.taken)
end
for _, share in ipairs(shares) do
  if admitted then
    put(share.pool, share.pool.current, share.cost)
    put(share.own, share.own.current, share.cost)
  end
  close(share.pool) close(share.asking) close(share.short) close(share.own)
  tell(share.pool.total, share.wait)
end
if admitted then
  redis.call('ZADD', KEYS[2], now + lease, id)
  redis.call('EXPIRE', KEYS[2], 86400)
  if #owed > 0 then
    redis.call('HSET', KEYS[3], id, table.concat(owed))
    redis.call('EXPIRE', KEYS[3], 86400)
  end
end
return joined(answer)
