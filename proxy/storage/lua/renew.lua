-- KEYS: leases, then places. ARGV: 1 lease in microseconds, 2 how many reservations, those, and of each place whose it is
local ends, count = now + tonumber(ARGV[1]), tonumber(ARGV[2])
for i = 1, count do redis.call('ZADD', KEYS[1], 'XX', ends, ARGV[2 + i]) end
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], ends, ARGV[1 + count + i])  -- also where it had run out: the request does run
  redis.call('EXPIRE', KEYS[i], 86400)
end
redis.call('EXPIRE', KEYS[1], 86400)
return '1'
