/**
 * A process that is killed: puts numbered batches and notes each number that was acknowledged, takes some and notes each
 * number before it settles it. Notes are written at once, so they survive the kill.
 * Arguments: state folder, folder of the notes, first number, share that is taken (0 to 1), acknowledgement.
 */

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack } from '../../src/emit/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, numberOf, oneLane, onlyLane } from './numbered.ts'

const [path = '', notes = '', first = '0', share = '0.5', ack = 'durable'] = process.argv.slice(2)
const acknowledged = openSync(join(notes, 'acknowledged'), 'a')
const delivered = openSync(join(notes, 'delivered'), 'a')
const opened = await createDiskQueue(
  { path, lanes: onlyLane, maxSize: 2 ** 33, ack: ack as Ack, memoryTail: 2 ** 20, ballast: 2 ** 20, adoptEveryMs: 300 },
  { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
)
const queue = oneLane(opened)
writeSync(1, 'open\n')

let next = Number(first)

const put = async (): Promise<never> => {
  for (;;) {
    const number = next++
    await queue.put(batch(number, 200 + ((number * 7919) % 90_000)))
    writeSync(acknowledged, `${number}\n`)
  }
}

const take = async (): Promise<never> => {
  for (;;) {
    await queue.ready()
    const taken = await queue.take({ maxItems: 16, maxBytes: 2 ** 20 })
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (Math.random() > Number(share)) queue.release(taken)
    else {
      for (const one of taken) writeSync(delivered, `${numberOf(one)} ${one.maybeSent ? 'maybe' : 'first'}\n`)
      void queue.settle(taken)
    }
  }
}

await Promise.all([...Array.from({ length: 8 }, put), ...(Number(share) > 0 ? [take()] : [])])
