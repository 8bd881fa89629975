/** Requests of several parts, for tests: what is staged can be looked at in the store. */

import { DatabaseSync } from 'node:sqlite'
import type { DiskQueueOptions } from '../../../src/emit/queue/disk.ts'
import type { QueueStaging } from '../../../src/emit/queue/queue.ts'
import { storeFile } from '../../../src/emit/queue/store.ts'
import { batch, type OpenLanes, openLanes } from './queues.ts'

/** Everything above 2 kB goes to the disk at once. */
export const openStaging = (
  path: string,
  names: readonly string[] = ['default'],
  options: Partial<DiskQueueOptions> = {},
): Promise<OpenLanes> => openLanes(path, names, { heldPerRequest: 2000, ...options })

export const addAll = async (
  staging: QueueStaging,
  numbers: readonly number[],
  bytes = 3000,
  lanes: readonly number[] = [0],
): Promise<void> => {
  for (const number of numbers) await staging.add([{ batch: batch(number, bytes), lanes }])
}

export const query = (path: string, sql: string): unknown => {
  const db = new DatabaseSync(storeFile(path), { timeout: 1000 })
  try {
    return Object.values(db.prepare(sql).get() ?? {})[0]
  } catch (error) {
    // The table comes with the first request of several parts.
    if (String(error).includes('no such table: stagings')) return 0
    throw error
  } finally {
    db.close()
  }
}

export const change = (path: string, sql: string): void => {
  const db = new DatabaseSync(storeFile(path), { timeout: 1000 })
  db.exec(sql)
  db.close()
}

/** Rows, values and requests that are under way. */
export const contentsOf = (path: string) => ({
  rows: query(path, 'SELECT count(*) FROM batches'),
  values: query(path, 'SELECT count(*) FROM shared'),
  requests: query(path, 'SELECT count(*) FROM stagings'),
})

export const nothing = { rows: 0, values: 0, requests: 0 }
