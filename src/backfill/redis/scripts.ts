/** What Redis does in one step. Each is sent by itself: a server that was restarted knows none. */

import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

export interface Script {
  readonly text: string
  readonly sha: string
}

const script = (text: string): Script => ({ text, sha: createHash('sha1').update(text).digest('hex') })

/** Runs it by its hash, and sends its text where that is not known. */
export async function runScript(redis: Redis, { text, sha }: Script, keys: readonly string[], args: readonly (string | number)[]) {
  try {
    return await redis.evalsha(sha, keys.length, ...keys, ...args)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await redis.eval(text, keys.length, ...keys, ...args)
  }
}

/**
 * I1: state, cursor, counts, intent and dead letters of a slice in one step, if nobody has written it meanwhile. `tag` is new with each write: a write that
 * is sent twice, because its answer was lost, is done once; one with an old epoch or tag is refused.
 *
 * KEYS slice states order todo open changed seq dead deadIds deadSeq deadBytes
 * ARGV id · tag that is there ('': no such slice) · epoch that is there · new tag · state · epoch · page · record · intent ('=': as it is, '': none)
 *      · place in `open` ('': none) · place in `todo` ('': none) · spec ('': as it is) · place in the list · mark ('': none) · bytes for dead letters
 *      · '1': lets go of all dead letters · dead letters…
 * → ok · lost · fenced
 */
export const writeSlice = script(`
local slice, states, order, todo, open, changed, seq, dead, deadIds, deadSeq, deadBytes = unpack(KEYS)
local id, was, epoch, tag = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local now = redis.call('HMGET', slice, 'tag', 'epoch', 'state')
if now[1] == tag then return 'ok' end
if was == '' then
  if now[1] then return 'fenced' end
else
  if not now[1] then return 'lost' end
  if now[1] ~= was or now[2] ~= epoch then return 'fenced' end
end
redis.call('HSET', slice, 'tag', tag, 'state', ARGV[5], 'epoch', ARGV[6], 'page', ARGV[7], 'record', ARGV[8])
if ARGV[9] == '' then redis.call('HDEL', slice, 'intent') elseif ARGV[9] ~= '=' then redis.call('HSET', slice, 'intent', ARGV[9]) end
if now[3] ~= ARGV[5] then
  if now[3] then redis.call('HINCRBY', states, now[3], -1) end
  redis.call('HINCRBY', states, ARGV[5], 1)
end
if ARGV[10] == '' then redis.call('ZREM', open, id) else redis.call('ZADD', open, ARGV[10], id) end
if ARGV[11] == '' then redis.call('ZREM', todo, id) else redis.call('ZADD', todo, ARGV[11], id) end
if ARGV[12] ~= '' then
  redis.call('HSET', slice, 'spec', ARGV[12], 'order', ARGV[13])
  redis.call('ZADD', order, ARGV[13], id)
end
if ARGV[14] ~= '' then redis.call('HSET', slice, 'mark', ARGV[14]) end
redis.call('ZADD', changed, redis.call('INCR', seq), id)
if ARGV[16] == '1' then redis.call('HDEL', slice, 'full') end
for at = 17, #ARGV do
  local letter = ARGV[at]
  if tonumber(redis.call('GET', deadBytes) or '0') + #letter > tonumber(ARGV[15]) then
    redis.call('HINCRBY', slice, 'full', 1)
  else
    local number = redis.call('INCR', deadSeq)
    redis.call('INCRBY', deadBytes, #letter)
    redis.call('HSET', dead, number, letter)
    redis.call('ZADD', deadIds, number, number)
  end
end
return 'ok'
`)

/** Items that went out again and that no intent knows of. KEYS slice changed seq · ARGV id mark items → 1, or 0 when the slice has another mark. */
export const addResent = script(`
if redis.call('HGET', KEYS[1], 'mark') ~= ARGV[2] then return 0 end
redis.call('HINCRBY', KEYS[1], 'resent', ARGV[3])
redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1])
return 1
`)

/** Lets go of dead letters. KEYS dead deadIds deadBytes deadGone · ARGV ids… */
export const dropDead = script(`
for _, id in ipairs(ARGV) do
  local letter = redis.call('HGET', KEYS[1], id)
  if letter then
    redis.call('HDEL', KEYS[1], id)
    redis.call('ZREM', KEYS[2], id)
    redis.call('DECRBY', KEYS[3], #letter)
    redis.call('SADD', KEYS[4], id)
  end
end
return #ARGV
`)

/**
 * One budget for all. R is `r` (none: as fast as can be), of which a lease is a tenth of a second at the most; what is over is kept for a second.
 * KEYS rate · ARGV items bytes → { items granted, bytes granted, R or -1, ms to wait }
 */
export const lease = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = redis.call('HMGET', KEYS[1], 'r', 'top', 'b', 'ti', 'tb', 'at', 'hold', 'sec', 'granted', 'short', 'idle', 'measured')
local r, top, b = tonumber(f[1]), tonumber(f[2]), tonumber(f[3])
local at = tonumber(f[6]) or now
local ti, tb = tonumber(f[4]) or (r or 0), tonumber(f[5]) or (b or 0)
local hold, sec = tonumber(f[7]) or 0, tonumber(f[8]) or now
local granted, short, idle, measured = tonumber(f[9]) or 0, tonumber(f[10]) or 0, tonumber(f[11]) or 0, tonumber(f[12]) or 0
local passed = math.max(0, now - at)
if r then ti = math.min(r, ti + r * passed / 1000) end
if b then tb = math.min(b, tb + b * passed / 1000) end
if now - sec >= 1000 then
  local through = granted * 1000 / (now - sec)
  if measured == 0 then measured = through else measured = measured + (through - measured) * 0.2 end
  if r and now >= hold and granted > 0 then
    if short > 0 or through * 2 >= r then
      idle = 0
      r = r + math.max(r * 0.05, 100)
      if top and r > top then r = top end
    else
      idle = idle + 1
      if idle >= 30 then r = top end
    end
  end
  sec, granted, short = now, 0, 0
end
local wantItems, wantBytes = tonumber(ARGV[1]), tonumber(ARGV[2])
local items, bytes, wait = wantItems, wantBytes, 0
if r then
  items = math.floor(math.min(wantItems, math.max(1, r / 10), ti))
  if items < 0 then items = 0 end
  ti = ti - items
  if items < wantItems then
    short = 1
    if ti < 1 then wait = 100 end
  end
end
if b then
  bytes = math.floor(math.min(wantBytes, math.max(1, b / 10), tb))
  if bytes < 0 then bytes = 0 end
  tb = tb - bytes
  if bytes < wantBytes and tb < 1 then wait = 100 end
end
granted = granted + items
redis.call('HSET', KEYS[1], 'ti', ti, 'tb', tb, 'at', now, 'sec', sec, 'granted', granted, 'short', short, 'idle', idle, 'measured', measured)
if r then redis.call('HSET', KEYS[1], 'r', r) else redis.call('HDEL', KEYS[1], 'r') end
return { items, bytes, math.floor(r or -1), wait }
`)

/** Somebody asks for less: half of R, at most once in 5 s, and no more for a while. KEYS rate · ARGV ms after which more may be asked for, reason → R */
export const slowDown = script(`
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local f = redis.call('HMGET', KEYS[1], 'r', 'cut', 'hold', 'measured')
local r = tonumber(f[1])
redis.call('HSET', KEYS[1], 'hold', math.max(tonumber(f[3]) or 0, now + tonumber(ARGV[1])), 'why', ARGV[2])
if now - (tonumber(f[2]) or 0) < 5000 then return math.floor(r or -1) end
if not r then
  r = tonumber(f[4]) or 0
  if r == 0 then r = 1000 end
end
r = math.max(10, r * 0.5)
redis.call('HSET', KEYS[1], 'r', r, 'cut', now)
return math.floor(r)
`)
