/**
 * A process that is killed: puts numbered batches with something kept beside them, or something kept alone, and lets go of what it kept some
 * puts later, strictly in order. Notes are written at once, so they survive the kill: `trying N` before each put, `kept N` when it
 * resolved, `released N` before all up to N is let go of, `recovered N` for what an earlier run had kept, which goes with the first
 * `released`; each line ends with the first number of this process. Every third number has no batch. Arguments: state folder, folder of the notes, first number, acknowledgement, name.
 */

import { openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Ack } from '../../src/emit/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch, onlyLane } from './numbered.ts'

const [path = '', notes = '', first = '0', ack = 'durable', name = ''] = process.argv.slice(2)
const queue = await createDiskQueue(
  { path, lanes: onlyLane, maxSize: 2 ** 33, ack: ack as Ack, memoryTail: 2 ** 20, ballast: 2 ** 20, adoptEveryMs: 300 },
  { metrics: createMetrics(), log: silentLog, nowMs: Date.now },
)
const holding = queue.holding?.(name)
if (holding === undefined) throw new Error('this queue does not keep')
const file = openSync(join(notes, 'kept'), 'a')
const note = (what: string, number: number): void => void writeSync(file, `${what} ${number} ${first}\n`)

for (;;) {
  const page = await holding.recover()
  if (page.length === 0) break
  for (const { data } of page) note('recovered', new DataView(data.buffer, data.byteOffset).getUint32(0))
}
writeSync(1, 'open\n')

let next = Number(first)
/** Kept and not let go of, in order. */
const held: { id: number; number: number }[] = []

const put = async (): Promise<never> => {
  for (;;) {
    const number = next++
    note('trying', number)
    const parts = number % 3 === 0 ? [] : [{ batch: batch(number, 200 + ((number * 7919) % 60_000)), lanes: [0] }]
    held.push({ number, id: await holding.put(parts, batch(number, 100 + ((number * 104_729) % 30_000)).data) })
    note('kept', number)
  }
}

/** Only what is known to be the oldest: puts that are under way are younger. */
const letGo = async (): Promise<never> => {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    held.sort((a, b) => a.id - b.id)
    const last = held.length > 40 ? held.splice(0, held.length - 20).at(-1) : undefined
    if (last === undefined) continue
    note('released', last.number)
    holding.release(last.id)
  }
}

await Promise.all([...Array.from({ length: 6 }, put), letGo()])
