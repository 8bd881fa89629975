/** A connection to the Redis of several machines, checked before anything is put into it. */

import type { Redis } from 'ioredis'
import { BridgeError } from '../../errors.ts'

export interface Connection {
  readonly redis: Redis
  /** Without user and password. */
  readonly name: string
  /** Another one alike; closed with this one. */
  another(): Redis
  /** Which server it is: another value after a restart. */
  serverId(): Promise<string>
  close(): Promise<void>
}

export interface ConnectOptions {
  /** The connection was lost, or is there again (undefined). */
  readonly onTrouble?: ((message: string | undefined) => void) | undefined
  /** The first connection has to be there after it; default 10 s. Later ones are waited for without an end. */
  readonly withinMs?: number
}

const leastVersion = [6, 2] as const
const longestPauseMs = 2000

/** `redis://host:6379/0`, without what is secret. Throws OB_CONFIG for what is no such address. */
export function redisName(url: string): string {
  let parsed: URL
  try {
    parsed = new URL(url)
  } catch (cause) {
    throw new BridgeError('OB_CONFIG', 'cannot use --workers: expected an address such as redis://host:6379', { place: '--workers', cause })
  }
  if (parsed.protocol !== 'redis:' && parsed.protocol !== 'rediss:') {
    throw new BridgeError('OB_CONFIG', `cannot use --workers ${parsed.protocol}//…: expected redis:// or rediss://`, { place: '--workers' })
  }
  return `${parsed.protocol}//${parsed.host}${parsed.pathname === '/' ? '' : parsed.pathname}`
}

const fieldOf = (info: string, name: string): string => new RegExp(`^${name}:(.*?)\\r?$`, 'm').exec(info)?.[1] ?? ''

/** What a server has to be for nothing to be lost in it. */
async function check(redis: Redis, name: string): Promise<void> {
  const info = await redis.info()
  const version = fieldOf(info, 'redis_version')
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const fault = (cause: string): BridgeError => new BridgeError('OB_CONFIG', `cannot use ${name}: ${cause}`, { place: '--workers' })
  if (major < leastVersion[0] || (major === leastVersion[0] && minor < leastVersion[1])) {
    throw fault(`it is version ${version}, ${leastVersion.join('.')} is the least`)
  }
  const policy = fieldOf(info, 'maxmemory_policy')
  if (policy !== 'noeviction') {
    throw fault(`its maxmemory-policy is ${policy === '' ? 'not known' : policy}, which may drop what a run remembers: set noeviction`)
  }
}

/** Connects. Rejects with OB_CONFIG for a server that is not fit, with OB_LEDGER when nobody answers. */
export async function connectRedis(url: string, options: ConnectOptions = {}): Promise<Connection> {
  const name = redisName(url)
  const { Redis: Client } = await import('ioredis')
  const all: Redis[] = []
  let closed = false
  let lastFault = 'no answer'
  let inTrouble = false
  /** It has answered once. */
  let begun = false
  const make = (): Redis => {
    const one = new Client(url, {
      maxRetriesPerRequest: null,
      enableReadyCheck: true,
      connectTimeout: 5000,
      retryStrategy: (times) => (closed ? null : Math.min(longestPauseMs, 50 * 2 ** Math.min(times, 6))),
    })
    one.on('error', (error: Error) => {
      lastFault = error.message === '' && 'code' in error ? String(error.code) : error.message
    })
    all.push(one)
    return one
  }
  const redis = make()
  redis.on('close', () => {
    if (closed || inTrouble || !begun) return
    inTrouble = true
    options.onTrouble?.(`${name} cannot be reached (${lastFault}); waiting for it`)
  })
  redis.on('ready', () => {
    if (inTrouble && begun) options.onTrouble?.(undefined)
    inTrouble = false
  })
  const close = async (): Promise<void> => {
    closed = true
    for (const one of all) one.disconnect()
  }
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => late.reject(new BridgeError('OB_LEDGER', `cannot reach ${name}: ${lastFault}`, { place: '--workers' })),
    options.withinMs ?? 10_000,
  )
  try {
    await Promise.race([redis.ping(), late.promise])
    await Promise.race([check(redis, name), late.promise])
    begun = true
  } catch (error) {
    await close()
    if (error instanceof BridgeError) throw error
    throw new BridgeError('OB_LEDGER', `cannot use ${name}: ${error instanceof Error ? error.message : String(error)}`, {
      place: '--workers',
      cause: error,
    })
  } finally {
    clearTimeout(timer)
  }
  return {
    redis,
    name,
    another: make,
    serverId: async () => fieldOf(await redis.info('server'), 'run_id'),
    close,
  }
}
