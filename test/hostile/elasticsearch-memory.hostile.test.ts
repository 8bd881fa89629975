/** Bodies of 100 MB, as honest senders have them: one after the other, and several at once. What the process takes in all, not what it rises by. */

import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { largeBody, postLarge, startCountingSink } from './support/large-bodies.ts'
import { startLive } from './support/live.ts'
import { countOf, eventually } from './support/throw.ts'

const mebi = 2 ** 20
const large = largeBody(100_000_000)
const bodies = { identity: large.bytes, gzip: gzipSync(large.bytes, { level: 6 }) } as const

const onDisk = ['queue.type=disk', 'queue.path=./queue']
const inMemory: readonly string[] = []

/**
 * A process with all its listeners takes 110 MiB before. What it takes beyond that is a quarter of a body; the rest is memory that the allocator of the
 * system has had back and keeps. @param limitMiB of all
 */
async function peak(
  limitMiB: number,
  settings: readonly string[],
  encoding: keyof typeof bodies,
  rounds: number,
  atOnce: number,
): Promise<void> {
  const sink = await startCountingSink()
  const live = await startLive(sink.url, settings)
  try {
    const before = live.residentBytes() / mebi
    const startedAt = performance.now()
    const peaks: number[] = []
    for (let round = 0; round < rounds; round++) {
      const answers = await Promise.all(
        Array.from({ length: atOnce }, () => postLarge(live.ports.elasticsearch, bodies[encoding], encoding)),
      )
      for (const answer of answers) expect(answer).toMatch(/^200 \{"took":0,"errors":false,"items":\[\{"create/)
      peaks.push(Math.round(live.peakBytes() / mebi))
    }
    const count = rounds * atOnce * large.documents
    expect(await eventually(() => sink.records === count, 120_000), `${sink.records} of ${count}`).toBe(true)
    const most = live.peakBytes() / mebi
    const name = expect.getState().currentTestName?.split(' > ').at(-1)
    console.log(`${name}: ${Math.round(performance.now() - startedAt)} ms, from ${Math.round(before)} to ${Math.round(most)} MiB`, peaks)
    const books = (await live.books()).filter(({ format }) => format === 'es-bulk')
    expect(books).toMatchObject([{ received: count, delivered: count, queued: 0, dropped: 0, refused: 0, balance: 0 }])
    expect(countOf(await live.metrics(), 'limit_body')).toBe(0)
    expect(most).toBeLessThan(limitMiB)
    expect(await live.stop()).toBe(0)
  } finally {
    await live.stop()
    await sink.close()
  }
}

describe('bodies of 100 MB', () => {
  it.each(['identity', 'gzip'] as const)(
    '%s, five in a row, with a queue on disk',
    (encoding) => peak(250, onDisk, encoding, 5, 1),
    300_000,
  )

  it.each(['identity', 'gzip'] as const)('%s, four at once, with a queue on disk', (encoding) => peak(280, onDisk, encoding, 1, 4), 300_000)

  // All of a request is in memory until its last line has come, and after that until it is delivered.
  it.each(['identity', 'gzip'] as const)(
    '%s, three in a row, with a queue in memory',
    (encoding) => peak(400, inMemory, encoding, 3, 1),
    300_000,
  )
})
