-- KEYS: fence. ARGV: epoch. A write, so that it fails whenever reserving would.
redis.call('SET', KEYS[1], ARGV[1], 'EX', 3600)
return '1'
