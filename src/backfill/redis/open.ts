/** The ledger of a run in Redis, for a command that looks at it or changes it while nobody or anybody works on it. */

import type { Ledger } from '../ledger.ts'
import { connectRedis } from './connect.ts'
import { findRun } from './control.ts'
import { createRedisLedger } from './ledger-redis.ts'

/** Closes the connection with the ledger. Rejects with OB_CONFIG when there is no such run, with OB_LEDGER when nobody answers. @param prefix see `findRun` */
export async function openRedisRun(url: string, prefix: string | undefined): Promise<Ledger> {
  const connection = await connectRedis(url)
  try {
    const meta = await findRun(connection.redis, prefix, connection.name)
    const ledger = createRedisLedger({ redis: connection.redis, meta, nowMs: Date.now })
    return {
      ...ledger,
      async close() {
        await ledger.close()
        await connection.close()
      },
    }
  } catch (error) {
    await connection.close()
    throw error
  }
}
