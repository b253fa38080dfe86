-- Prepended to reserve.lua and slow_down.lua: reads the sender's state.
--
-- KEYS[1] is a hash. next: when the sender is free again, and slowed: when it last slowed down, in seconds since 1970;
-- share: of the full rate; out and complaints: segments sent and complaints received since `slowed`.

-- The rate recovers by STEP of the full rate every STEP_SECONDS.
local STEP, STEP_SECONDS = 0.1, 2.0
-- Workers reserve a little each and stay far below this, however slow the sender is.
local MAX_AHEAD_SECONDS = 300
local TTL_SECONDS = 600

local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local state = redis.call('HMGET', KEYS[1], 'next', 'share', 'slowed', 'out', 'complaints')
local free, share, slowed = tonumber(state[1]) or 0, tonumber(state[2]) or 1, tonumber(state[3]) or 0
local out, complaints = tonumber(state[4]) or 0, tonumber(state[5]) or 0
-- Times this far ahead come from a clock that was wrong.
if free > now + MAX_AHEAD_SECONDS then free = 0 end
if slowed > now then
    slowed = now
    redis.call('HSET', KEYS[1], 'slowed', string.format('%.6f', now))
end
share = math.min(1, share + STEP * math.floor((now - slowed) / STEP_SECONDS))
redis.call('EXPIRE', KEYS[1], TTL_SECONDS)
