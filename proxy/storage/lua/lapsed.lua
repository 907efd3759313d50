-- KEYS: leases, money. ARGV: 1 microseconds since they ended, 2 how many at most
-- Answer: reservation, what it owes, reservation, ...
local found = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[1]), 'LIMIT', 0, tonumber(ARGV[2]))
local answer = {}
for i, id in ipairs(found) do
  answer[2 * i - 1], answer[2 * i] = id, redis.call('HGET', KEYS[2], id) or ''
end
return answer
