-- Reserves ARGV[1] segments at a full rate of ARGV[2] segments per second.
-- Returns the delay in seconds until they may go out, and the share of the full rate.

local start = math.max(now, free)
local free_again = start + tonumber(ARGV[1]) / (tonumber(ARGV[2]) * share)
redis.call('HSET', KEYS[1], 'next', string.format('%.6f', free_again), 'out', out + ARGV[1])
return {string.format('%.6f', start - now), string.format('%.6f', share)}
