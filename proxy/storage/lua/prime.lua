-- KEYS: budgets. ARGV: of each: period, spent at least. Answer: of each: period, spent, reserved
local answer = {}
for i, key in ipairs(KEYS) do
  local period, least = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local held = redis.call('HMGET', key, 'p', 's', 'r')
  local start, spent, open = tonumber(held[1]), tonumber(held[2]) or 0, tonumber(held[3]) or 0
  if not start or start < period then start, spent, open = period, 0, 0 end
  if start == period and spent < least then
    spent = least
    redis.call('HSET', key, 'p', start, 's', string.format('%.0f', spent), 'r', string.format('%.0f', open))
    budget_expires(key, start)
  end
  for _, number in ipairs({start, spent, open}) do answer[#answer + 1] = number end
end
return joined(answer)
