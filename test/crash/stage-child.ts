/**
 * A process that is killed: stages requests of several parts, some for all destinations, some for one, commits most of them and discards the
 * others, and puts single batches beside them. Notes are written at once, so they survive the kill: `begun FIRST COUNT` before a request's
 * first part, `committing FIRST`, `committed FIRST` when the commit resolved, `discarded FIRST`. The parts of a request are the numbers
 * from FIRST on; which lanes a part is for follows from its number (`lanesOf`). With a share above 0 some of what comes is taken and settled,
 * its number noted before. Arguments: state folder, folder of the notes, first number, acknowledgement, bytes of a part at the most, and for
 * each destination `name=share`.
 */

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack } from '../../src/emit/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import type { Lane } from '../../src/emit/queue/queue.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, lanesOf, numberOf } from './numbered.ts'

const [path = '', notes = '', first = '0', ack = 'durable', most = '60000', ...destinations] = process.argv.slice(2)
const shares = new Map(destinations.map((text) => [text.split('=')[0] ?? '', Number(text.split('=')[1])]))
const lanes = [...shares.keys()].map((destination) => ({ destination, whenFull: 'refuse' as const }))
const file = openSync(join(notes, 'staged'), 'a')
const note = (...words: readonly (string | number)[]): void => void writeSync(file, `${words.join(' ')}\n`)
const queue = await createDiskQueue(
  { path, lanes, maxSize: 2 ** 33, ack: ack as Ack, memoryTail: 2 ** 20, ballast: 2 ** 20, adoptEveryMs: 300, heldPerRequest: 20_000 },
  { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
)
writeSync(1, 'open\n')

let next = Number(first)
const sizeOf = (number: number): number => 100 + ((number * 7919) % Number(most))
const part = (number: number) => ({ batch: batch(number, sizeOf(number)), lanes: lanesOf(number, lanes.length) })

const stage = async (): Promise<never> => {
  for (;;) {
    const from = next
    const count = 1 + ((from * 104_729) % 12)
    next += count
    note('begun', from, count)
    const staging = queue.stage()
    for (let at = 0; at < count; at++) {
      await staging.add([part(from + at)])
      // A sender is not always quick.
      if (from % 5 === 0) await new Promise((resolve) => setTimeout(resolve, 3))
    }
    if (from % 7 === 0) {
      staging.discard()
      note('discarded', from)
      continue
    }
    note('committing', from)
    await staging.commit()
    note('committed', from)
  }
}

const put = async (): Promise<never> => {
  for (;;) {
    const number = next++
    note('begun', number, 1)
    note('committing', number)
    await queue.put([part(number)])
    note('committed', number)
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
      for (const one of taken) writeSync(delivered, `${numberOf(one)}\n`)
      void lane.settle(taken)
    }
  }
}

await Promise.all([stage(), stage(), stage(), stage(), put(), ...queue.lanes.map(take)])
