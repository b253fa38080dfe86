-- Sets the count ARGV[2] of the epoch ARGV[1] in the hash KEYS[1], unless a higher one is stored.

if tonumber(ARGV[2]) > (tonumber(redis.call('HGET', KEYS[1], ARGV[1])) or -1) then
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
end
