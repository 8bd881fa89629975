import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { storeFile } from '../../src/emit/queue/store.ts'
import { batch, drain, openDisk, range, stateFolder } from '../emit/support/queues.ts'

const rounds = Number(process.env['OTLP_BRIDGE_CRASH_ROUNDS'] ?? 20)

/** A repeatable source of places, so that a failure can be looked at again. */
const randomFrom = (seed: number): (() => number) => {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

describe('a damaged store', () => {
  it.each(['a byte', 'a hundred bytes', 'a page', 'the first page', 'its end'])(
    'with %s overwritten opens, gives only what is intact, accounts for the rest, and takes new data',
    async (what) => {
      let found = 0
      for (let round = 0; round < rounds; round++) {
        const random = randomFrom(round * 1000 + what.length)
        const path = stateFolder()
        const before = await openDisk(path, { ack: 'written' })
        await Promise.all(range(0, 100).map((number) => before.queue.put(batch(number, 100 + ((number * 7919) % 50_000)))))
        await before.queue.close()
        const bytes = readFileSync(storeFile(path))
        const at = Math.floor(random() * bytes.length)
        if (what === 'a byte') bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(random() * 255))
        if (what === 'a hundred bytes')
          for (let n = 0; n < 100; n++) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256)
        if (what === 'a page') bytes.fill(Math.floor(random() * 256), at - (at % 16384), at - (at % 16384) + 16384)
        if (what === 'the first page') bytes.fill(0, 0, 16384)
        writeFileSync(storeFile(path), what === 'its end' ? bytes.subarray(0, at) : bytes)

        const { queue, metrics } = await openDisk(path)
        // `drain` checks every byte of what it is given.
        const left = await drain(queue)
        expect(new Set(left).size, `round ${round}`).toBe(left.length)
        expect(left.every((number) => number < 100)).toBe(true)
        found += left.length
        await queue.put(batch(1000))
        expect(await drain(queue), `round ${round}`).toEqual([1000])
        expect(
          metrics.sums().every((one) => one.queued === 0),
          `round ${round}: ${JSON.stringify(metrics.sums())}`,
        ).toBe(true)
        if (left.length < 100) {
          const aside = metrics.counter('otlp_bridge_queue_set_aside_files_total').value
          const damaged = metrics.counter('otlp_bridge_queue_damaged_batches_total').value
          expect(aside + damaged, `round ${round}: ${100 - left.length} gone without a count`).toBeGreaterThan(0)
        }
        await queue.close()
      }
      console.log(`${what}: ${found} of ${rounds * 100} batches saved`)
    },
  )
})
