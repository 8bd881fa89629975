/**
 * A process that is killed: puts batches through the books into a queue, and notes the minute and items of each before the queue has it. Its clock goes
 * sixty times as fast, so that a round has several minutes.
 * Arguments: folder, file of the notes, `disk` or `memory`, its wall clock in ms, share that is taken of what is handed out (0 to 1), `put` or `drain`.
 */

import { openSync, writeSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { decodeAccount } from '../../src/books/account.ts'
import { createBooks } from '../../src/books/books.ts'
import { booksConfig } from '../../src/books/config.ts'
import { createDiskQueue } from '../../src/emit/queue/disk.ts'
import type { Parcel } from '../../src/emit/queue/queue.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'
import { batch } from './numbered.ts'

const [path = '', notes = '', kind = 'disk', wall = '0', share = '1', mode = 'put'] = process.argv.slice(2)
const noted = openSync(notes, 'a')
const metrics = createMetrics()
const monotonicMs = (): number => performance.now() * 60
const nowMs = (): number => Number(wall) + monotonicMs()

const books = createBooks({
  config: booksConfig.parse({ path }),
  dataPath: undefined,
  log: silentLog,
  metrics,
  nowMs,
  monotonicMs,
  every(_, call) {
    const timer = setInterval(call, 40)
    return () => clearInterval(timer)
  },
})

/** What is put, and what takes it out again. */
async function openStore(): Promise<{ put(batch: EncodedBatch): Promise<void>; drained(): boolean }> {
  if (kind === 'memory') {
    const held: EncodedBatch[] = []
    setInterval(() => {
      for (const one of held.splice(0, Math.ceil(held.length * Number(share)))) books.outcomes.left('default', one, 'delivered', '', 0)
    }, 5)
    return { put: async (one) => void held.push(one), drained: () => held.length === 0 }
  }
  const queue = await createDiskQueue(
    {
      path,
      lanes: [{ destination: 'default', whenFull: 'refuse' }],
      maxSize: 2 ** 33,
      ack: 'written',
      memoryTail: 2 ** 20,
      ballast: 2 ** 20,
      adoptEveryMs: 100,
    },
    { metrics, log: silentLog, nowMs: Date.now, outcomes: books.outcomes },
  )
  const [lane] = queue.lanes
  if (lane === undefined) throw new Error('no lane')
  void (async () => {
    for (;;) {
      await lane.ready()
      const taken = await lane.take({ maxItems: 16, maxBytes: 2 ** 20 })
      if (Math.random() < Number(share)) void lane.settle(taken)
      else {
        lane.release(taken)
        await delay(2)
      }
    }
  })()
  return {
    put: ({ account, items }) => queue.put([{ batch: { ...(batch(1, 300) as Parcel), items, account }, lanes: [0] }]),
    drained: () => queue.lanes.every((one) => one.stats().batches === 0),
  }
}

const store = await openStore()
const intake = books.intake({
  put(one) {
    writeSync(noted, `${decodeAccount(one.account ?? new Uint8Array())?.minute} ${one.items}\n`)
    return store.put(one)
  },
  stage: () => {
    throw new Error('not used')
  },
  refusal: () => undefined,
})
writeSync(1, 'open\n')

if (mode === 'drain') {
  // What runs that ended left behind is looked for now and then.
  for (let quiet = 0; quiet < 20; quiet = store.drained() ? quiet + 1 : 0) await delay(25)
  // Opened by whoever reads, if nothing is counted: that is when it is seen that another process ended.
  books.file.read(() => undefined)
  books.stop()
  writeSync(1, 'drained\n')
  process.exit(0)
}

for (let next = 0; ; next++) {
  const items = 1 + (next % 5)
  const keys = [{ service: `service-${next % 7}`, items }]
  await intake.put({ format: 'zipkin-json', signal: 'traces', items, data: new Uint8Array(1), endpoint: 'zipkin', keys })
  await delay(1)
}
