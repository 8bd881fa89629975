import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { TranslatedPage } from '../../../src/backfill/model.ts'
import { createRecordReader, type RecordPage } from '../../../src/backfill/sources/kafka-reader.ts'
import type { FetchedPartition } from '../../../src/net/kafka-fetch.ts'
import type { BatchReader, KafkaMessage, ReadBatch } from '../../../src/net/kafka-records.ts'
import { pagesOf } from '../support/source-deps.ts'

/** A batch of a partition: offsets from `first` to `next`, of which some hold messages. */
interface Batch extends ReadBatch {
  readonly first: number
}

const message = (offset: number, bytes: number): KafkaMessage => ({
  offset,
  timestampMs: 1000 + offset,
  key: undefined,
  value: new Uint8Array(bytes),
  rawHeaders: new Uint8Array(0),
})

const arbitraryBatches = fc
  .array(fc.record({ span: fc.integer({ min: 1, max: 9 }), holes: fc.nat(511), bytes: fc.integer({ min: 1, max: 60 }), bad: fc.nat(9) }), {
    minLength: 1,
    maxLength: 25,
  })
  .map((list) => {
    const batches: Batch[] = []
    let first = 100
    for (const { span, holes, bytes, bad } of list) {
      const offsets = Array.from({ length: span }, (_, at) => first + at).filter((_, at) => ((holes >> at) & 1) === 0)
      const isBad = bad === 0
      batches.push({
        first,
        messages: isBad ? [] : offsets.map((offset) => message(offset, bytes)),
        setAside: isBad ? { offset: first, messages: span, reason: 'decompression' } : undefined,
        nextOffset: first + span,
      })
      first += span
    }
    return batches
  })

/** What a page was made of, as a translated page. */
const translate = ({ messages, lost, gaps }: RecordPage): TranslatedPage => ({
  read: messages.length + lost.reduce((all, { count }) => all + count, 0),
  bytes: 0,
  skipped: Object.fromEntries(lost.map(({ reason, count }) => [reason, count])),
  faults: [],
  translated: messages.length,
  requests: [],
  sum: messages.reduce((all, { offset }) => all * 31n + BigInt(offset), 7n),
  minMs: undefined,
  maxMs: undefined,
  notes: { gaps },
})

interface Setting {
  readonly batches: readonly Batch[]
  /** Batches of a fetch, by turns. */
  readonly fetches: readonly number[]
  readonly items: number
  readonly bytes: number
  readonly cursor?: number
  readonly logStart?: number
  /** Offsets of batches whose checksum does not match the first time. */
  readonly doubtful?: Set<number>
}

function readerOf({ batches, fetches, items, bytes, cursor, logStart = 0, doubtful = new Set() }: Setting) {
  const end = batches.at(-1)?.nextOffset ?? 100
  let turn = 0
  const waits: string[] = []
  const reader = createRecordReader(
    {
      leaders: async () => new Map([['t/0', 1]]),
      offsets: async () => new Map([[0, logStart]]),
      async fetch(_node, [position]) {
        const size = fetches[turn++ % fetches.length] as number
        if (size === 0) throw new Error('the broker is away')
        const offset = position?.offset ?? 0
        const answer = { topic: 't', partition: 0, highWatermark: end, aborted: [] }
        if (offset < logStart) return [{ ...answer, error: 1, records: new Uint8Array(0) }]
        return [{ ...answer, error: 0, records: new Uint8Array(size) }]
      },
    },
    {
      topic: 't',
      partition: 0,
      from: 100,
      to: end,
      cursor,
      page: { items, bytes },
      open(fetched: FetchedPartition, from: number): BatchReader {
        const rest = batches.filter(({ nextOffset }) => nextOffset > from).slice(0, fetched.records.length)
        return {
          next() {
            const batch = rest.shift()
            if (batch === undefined) return undefined
            if (doubtful.delete(batch.first)) {
              return {
                messages: [],
                setAside: { offset: Math.max(batch.first, from), messages: 1, reason: 'checksum' },
                nextOffset: batch.nextOffset,
              }
            }
            const { setAside } = batch
            return {
              messages: batch.messages.filter(({ offset }) => offset >= from),
              setAside:
                setAside === undefined
                  ? undefined
                  : { ...setAside, offset: Math.max(setAside.offset, from), messages: batch.nextOffset - Math.max(batch.first, from) },
              nextOffset: batch.nextOffset,
            }
          },
        }
      },
      translate,
    },
    { sleep: async () => {}, distress: (reason) => void waits.push(reason) },
  )
  return { reader, waits, end }
}

describe('createRecordReader', () => {
  it('cuts the same pages whatever fetches bring them, and from every cursor on', async () => {
    await fc.assert(
      fc.asyncProperty(
        arbitraryBatches,
        fc.array(fc.nat(4), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 12 }),
        fc.integer({ min: 20, max: 300 }),
        async (batches, sizes, items, bytes) => {
          const fetches = [...sizes, 1]
          const whole = await pagesOf(readerOf({ batches, fetches: [100], items, bytes }).reader)
          expect(await pagesOf(readerOf({ batches, fetches, items, bytes }).reader)).toEqual(whole)
          for (const [at, { cursor, last }] of whole.entries()) {
            if (last) continue
            expect(await pagesOf(readerOf({ batches, fetches, items, bytes, cursor: cursor as number }).reader)).toEqual(
              whole.slice(at + 1),
            )
          }
          const end = batches.at(-1)?.nextOffset ?? 0
          const all = whole.reduce((sum, { read, notes }) => sum + read + (notes?.['gaps'] ?? 0), 0)
          expect(all).toBe(end - 100)
          expect(whole.at(-1)).toMatchObject({ cursor: end, last: true })
        },
      ),
      { numRuns: 200 },
    )
  })

  it('asks once more for a batch whose checksum does not match', async () => {
    const batches: Batch[] = [{ first: 100, messages: [message(100, 1), message(101, 1)], setAside: undefined, nextOffset: 102 }]
    const { reader } = readerOf({ batches, fetches: [1], items: 10, bytes: 100, doubtful: new Set([100]) })
    expect(await pagesOf(reader)).toMatchObject([{ read: 2, translated: 2, skipped: {} }])
  })

  it('waits for brokers that are away, and counts what expired meanwhile', async () => {
    const batches: Batch[] = [{ first: 100, messages: [message(104, 1)], setAside: undefined, nextOffset: 106 }]
    const { reader, waits } = readerOf({ batches, fetches: [0, 1], items: 10, bytes: 100, logStart: 103 })
    expect(await pagesOf(reader)).toMatchObject([{ read: 4, translated: 1, skipped: { expired: 3 }, notes: { gaps: 2 } }])
    expect(waits).toContain('the broker is away')
  })

  it('ends a slice whose partition is shorter than it was', async () => {
    const { reader } = readerOf({ batches: [], fetches: [1], items: 1, bytes: 1 })
    expect(await reader.next(new AbortController().signal)).toBeUndefined()
    const batches: Batch[] = [{ first: 100, messages: [message(100, 1)], setAside: undefined, nextOffset: 101 }]
    const gone = createRecordReader(
      {
        leaders: async () => new Map([['t/0', 1]]),
        offsets: async () => new Map([[0, 0]]),
        fetch: async () => [{ topic: 't', partition: 0, error: 1, highWatermark: 5, aborted: [], records: new Uint8Array(0) }],
      },
      {
        topic: 't',
        partition: 0,
        from: 100,
        to: batches[0]?.nextOffset ?? 0,
        cursor: undefined,
        page: { items: 1, bytes: 1 },
        open: () => ({ next: () => undefined }),
        translate,
      },
      { sleep: async () => {}, distress() {} },
    )
    await expect(gone.next(new AbortController().signal)).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^vanished: /),
    })
  })
})
