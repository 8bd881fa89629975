/**
 * A process that is killed: puts numbered batches with their envelopes, some as requests of several parts, and notes each number that was
 * acknowledged. What it takes out of a lane it notes before it settles it, with the account of the batch.
 * Arguments: state folder, folder of the notes, first number, acknowledgement, share that is taken of what is handed out (0 to 1).
 */

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack } from '../../src/emit/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import type { Lane, Parcel, RoutedBatch } from '../../src/emit/queue/queue.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, numberOf } from './numbered.ts'

const [path = '', notes = '', first = '0', ack = 'durable', share = '0'] = process.argv.slice(2)
const acknowledged = openSync(join(notes, 'acknowledged'), 'a')
const queue = await createDiskQueue(
  {
    path,
    lanes: [
      { destination: 'default', whenFull: 'refuse' },
      { destination: 'mirror.zipkin', whenFull: 'refuse', mirror: true, maxSize: 2 ** 33 },
    ],
    maxSize: 2 ** 33,
    ack: ack as Ack,
    memoryTail: 2 ** 20,
    ballast: 2 ** 20,
    adoptEveryMs: 300,
    heldPerRequest: 20_000,
  },
  { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
)
writeSync(1, 'open\n')

let next = Number(first)

const partsOf = (number: number): RoutedBatch[] => {
  const account = new TextEncoder().encode(String(number))
  const otlp: Parcel = { ...batch(number, 200 + ((number * 7919) % 60_000)), account }
  const envelope: Parcel = { ...batch(number, 100 + ((number * 104_729) % 90_000)), signal: 'legacy', mirror: 'mirror.zipkin', account }
  return [
    { batch: otlp, lanes: [0] },
    { batch: envelope, lanes: [1] },
  ]
}

const put = async (): Promise<never> => {
  for (;;) {
    const number = next++
    await queue.put(partsOf(number))
    writeSync(acknowledged, `${number}\n`)
  }
}

const stage = async (): Promise<never> => {
  for (;;) {
    const from = next
    next += 3
    const staging = queue.stage()
    for (const number of [from, from + 1, from + 2]) await staging.add(partsOf(number))
    await staging.commit()
    writeSync(acknowledged, `${from}\n${from + 1}\n${from + 2}\n`)
  }
}

const take = async (lane: Lane): Promise<void> => {
  const delivered = openSync(join(notes, `delivered-${lane.destination}`), 'a')
  while (Number(share) > 0) {
    await lane.ready()
    const taken = await lane.take({ maxItems: 16, maxBytes: 2 ** 20 })
    if (Math.random() > Number(share)) {
      lane.release(taken)
      await new Promise((resolve) => setTimeout(resolve, 2))
      continue
    }
    for (const one of taken) writeSync(delivered, `${numberOf(one)} ${Buffer.from(one.account ?? []).toString()}\n`)
    void lane.settle(taken)
  }
}

await Promise.all([put(), put(), stage(), ...queue.lanes.map(take)])
