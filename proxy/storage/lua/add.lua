-- KEYS: done, budgets. ARGV: of each budget: period, micro-dollars to add. Once only, however often it is asked for.
if not redis.call('SET', KEYS[1], 1, 'NX', 'EX', 3600) then return '0' end
for i = 2, #KEYS do
  local period, more = tonumber(ARGV[2 * i - 3]), tonumber(ARGV[2 * i - 2])
  local held = redis.call('HMGET', KEYS[i], 'p', 's', 'r')
  local start, spent, open = tonumber(held[1]), tonumber(held[2]) or 0, tonumber(held[3]) or 0
  if not start or start < period then start, spent, open = period, 0, 0 end
  if start == period then
    redis.call('HSET', KEYS[i], 'p', start, 's', string.format('%.0f', spent + more),
      'r', string.format('%.0f', open))
    budget_expires(KEYS[i], start)
  end
end
return '1'
