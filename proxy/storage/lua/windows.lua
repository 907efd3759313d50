local SLOTS = 60
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function numbers(text)
  local list = {}
  for word in string.gmatch(text, '%S+') do list[#list + 1] = tonumber(word) end
  return list
end

-- Lua writes large numbers with 14 digits only; money and microseconds have more.
local function joined(list)
  local words = {}
  for i, number in ipairs(list) do words[i] = string.format('%.0f', number) end
  return table.concat(words, ' ')
end

-- A window as it is now: what has left is taken off the total here, and off the hash with the first `put`.
local function look(key, width)
  local head = redis.call('HMGET', key, 't', 'o', 'n')
  local latest = tonumber(head[3]) or 0
  local current = math.max(math.floor(now / width), latest)
  local window = {key = key, width = width, current = current, first = current - SLOTS, left = {}}
  window.total, window.oldest = tonumber(head[1]) or 0, tonumber(head[2]) or current
  if window.oldest < window.first then
    for slot = window.oldest, math.min(window.first - 1, latest) do window.left[#window.left + 1] = slot end
    for _, amount in ipairs(redis.call('HMGET', key, unpack(window.left))) do
      window.total = window.total - (tonumber(amount) or 0)
    end
    window.oldest = window.first
  end
  return window
end

-- Add to a slot that is still kept. `close` has to follow.
local function put(window, slot, amount)
  if #window.left > 0 then
    redis.call('HDEL', window.key, unpack(window.left))
    window.left = {}
  end
  redis.call('HINCRBY', window.key, slot, amount)
  window.total, window.oldest = window.total + amount, math.min(window.oldest, slot)
  window.changed = true
end

local function close(window)
  if window.changed then
    redis.call('HSET', window.key, 't', window.total, 'o', window.oldest, 'n', window.current)
    redis.call('EXPIRE', window.key, math.ceil((SLOTS + 2) * window.width / 1000000))
  end
end

-- Correct what was added in `slot`: never below zero; to the current slot if that one has left and there is more.
local function settle(window, slot, difference)
  local held = slot >= window.first and tonumber(redis.call('HGET', window.key, slot))
  if held then
    put(window, slot, math.max(difference, -held))
  elseif difference > 0 then
    put(window, window.current, difference)
  end
end

local function amounts(window)
  local names, found = {}, {}
  for slot = window.first, window.current do names[#names + 1] = slot end
  for i, amount in ipairs(redis.call('HMGET', window.key, unpack(names))) do
    found[window.first + i - 1] = tonumber(amount) or 0
  end
  return found
end

local function leaves(window, slot)
  return math.ceil((slot + SLOTS + 1) * window.width) - now
end

-- Microseconds until an amount fits, 0 when it does.
local function wait(window, amount, limit)
  local excess = window.total + amount - limit
  if excess <= 0 then return 0 end
  local found = amounts(window)
  for slot = window.first, window.current do
    excess = excess - found[slot]
    if excess <= 0 then return leaves(window, slot) end
  end
  return leaves(window, window.current)
end

-- Microseconds until nothing counts any more.
local function reset(window)
  if window.total <= 0 then return 0 end
  local found = amounts(window)
  for slot = window.current, window.first, -1 do
    if found[slot] > 0 then return leaves(window, slot) end
  end
  return 0
end

local function budget_expires(key, period)
  redis.call('EXPIRE', key, period == 0 and 34560000 or 3456000)  -- 400 days for `total`, 40 for a month and less
end
