-- Counts a complaint of the carrier. Slows the sender down at most once every ARGV[1] seconds: by half, with a pause
-- of as many seconds, if complaints exceed MANY of what went out; by a little otherwise, as a carrier may be busy for
-- other reasons. Returns 1 if the sender slowed down, otherwise 0.

local MIN_SHARE = 0.05
local MANY, HALF, LITTLE = 0.1, 0.5, 0.9

complaints = complaints + 1
if now - slowed < tonumber(ARGV[1]) then
    redis.call('HSET', KEYS[1], 'complaints', complaints)
    return 0
end
local factor = LITTLE
if complaints > MANY * out then
    factor, free = HALF, math.max(free, now + tonumber(ARGV[1]))
end
redis.call('HSET', KEYS[1], 'next', string.format('%.6f', free), 'share', string.format('%.6f',
    math.max(MIN_SHARE, share * factor)), 'slowed', string.format('%.6f', now), 'out', 0, 'complaints', 0)
return 1
