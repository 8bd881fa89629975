/**
 * A process that is killed: puts numbered batches and notes each number that was acknowledged, takes some and notes each
 * number before it settles it. Notes are written at once, so they survive the kill.
 * Arguments: state folder, folder of the notes, first number, acknowledgement, and for each destination `name=share`, the share
 * that is taken (0 to 1); what a destination delivers is noted in `delivered-<name>`. With several destinations every third
 * batch is for the first alone, every fourth for all but the first.
 */

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack } from '../../src/emit/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import type { Lane } from '../../src/emit/queue/queue.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, lanesOf, numberOf } from './numbered.ts'

const [path = '', notes = '', first = '0', ack = 'durable', ...destinations] = process.argv.slice(2)
const shares = new Map(destinations.map((text) => [text.split('=')[0] ?? '', Number(text.split('=')[1])]))
const acknowledged = openSync(join(notes, 'acknowledged'), 'a')
const lanes = [...shares.keys()].map((destination) => ({ destination, whenFull: 'refuse' as const }))
const queue = await createDiskQueue(
  { path, lanes, maxSize: 2 ** 33, ack: ack as Ack, memoryTail: 2 ** 20, ballast: 2 ** 20, adoptEveryMs: 300 },
  { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
)
writeSync(1, 'open\n')

let next = Number(first)

const put = async (): Promise<never> => {
  for (;;) {
    const number = next++
    await queue.put([{ batch: batch(number, 200 + ((number * 7919) % 90_000)), lanes: lanesOf(number, lanes.length) }])
    writeSync(acknowledged, `${number}\n`)
  }
}

const take = async (lane: Lane): Promise<void> => {
  const share = shares.get(lane.destination) ?? 0
  const delivered = openSync(join(notes, `delivered-${lane.destination}`), 'a')
  while (share > 0) {
    await lane.ready()
    const taken = await lane.take({ maxItems: 16, maxBytes: 2 ** 20 })
    await new Promise((resolve) => setTimeout(resolve, 2))
    if (Math.random() > share) lane.release(taken)
    else {
      for (const one of taken) writeSync(delivered, `${numberOf(one)} ${one.maybeSent ? 'maybe' : 'first'}\n`)
      void lane.settle(taken)
    }
  }
}

await Promise.all([...Array.from({ length: 8 }, put), ...queue.lanes.map(take)])
