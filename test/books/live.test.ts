import { describe, expect, it } from 'vitest'
import type { Line } from '../../src/books/columns.ts'
import { columnNames } from '../../src/books/columns.ts'
import { judge, type LiveDeps, readLive } from '../../src/books/live.ts'
import { readSeries } from '../../src/books/series.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'
import { batchOf, mirrored, noon, type TestBooks, testBooks } from '../support/books.ts'

const line = (counts: Partial<Line>): Line => ({
  ...(Object.fromEntries(columnNames.map((name) => [name, 0])) as unknown as Line),
  ...counts,
})
const even: Partial<Line> = { received: 10, receivedIn: 10, newDelivered: 10, oldPut: 10, oldDelivered: 10 }
const closed = { closed: true, marks: undefined, reasons: [], mirrored: true }

describe('judge', () => {
  it.each([
    ['equal', 'all is on both sides', even, closed, ''],
    ['equal', 'UDP was sent', { ...even, oldDelivered: 0, oldSent: 10 }, closed, ''],
    [
      'open',
      'something waits',
      { ...even, newDelivered: 4, oldDelivered: 1 },
      { ...closed, closed: false },
      'waiting: 6 for the new side, 9 for the old side',
    ],
    [
      'short',
      'there are dead letters',
      { ...even, newDelivered: 7, newDead: 3 },
      { ...closed, reasons: [{ what: 'new dead 413', items: 3 }] },
      'new side: 3 dead letters (413)',
    ],
    ['short', 'something is missing', { ...even, newDelivered: 7 }, closed, 'new side: 3 missing, the books do not say why'],
    [
      'short',
      'the endpoint left something out',
      { ...even, newDelivered: 9, newRejected: 1 },
      closed,
      'new side: 1 left out by the endpoint',
    ],
    ['short', 'the old side shed', { ...even, oldDelivered: 2, oldShed: 8 }, closed, 'old side: 8 lost or shed'],
    [
      'explained',
      'the share left something out',
      { ...even, newDelivered: 4, newSkipped: 6 },
      { ...closed, reasons: [{ what: 'new skipped share', items: 6 }] },
      'new side: 6 skipped (share)',
    ],
    [
      'explained',
      'senders were told',
      { ...even, received: 13, receivedIn: 13, refused: 3, refusedIn: 3 },
      { ...closed, reasons: [{ what: 'new refused OB_QUEUE_FULL', items: 3 }] },
      'new side: 3 refused, the sender was told (OB_QUEUE_FULL)',
    ],
    [
      'explained',
      'the old side gets a part',
      { ...even, receivedIn: 30, received: 30, newDelivered: 30 },
      closed,
      'old side: 20 not sent there',
    ],
    ['explained', 'something went twice', { ...even, newDelivered: 12 }, closed, 'new side: 2 more than once'],
    ['unknown', 'the process ended', even, { ...closed, marks: new Set(['crash']) }, expect.stringMatching(/^a process ended/)],
    [
      'unknown',
      'it ended while something was under way',
      { ...even, newDelivered: 1 },
      { ...closed, marks: new Set(['open']) },
      expect.stringMatching(/9 items/),
    ],
    ['equal', 'it ended, and all came through', even, { ...closed, marks: new Set(['open']) }, ''],
  ] as const)('is %s when %s', (verdict, _, counts, judging, text) => {
    expect(judge(line(counts), judging)).toEqual({ verdict, text })
  })
})

const deliver = ({ books, put }: TestBooks, sides: readonly ('old' | 'new')[] = ['old', 'new']): void => {
  for (const batch of put.splice(0) as EncodedBatch[]) {
    if (sides.includes('new')) books.outcomes.left('default', batch, 'delivered', '', 0)
    if (sides.includes('old') && batch.envelope !== undefined)
      books.outcomes.left('mirror.zipkin', { ...batch, signal: 'legacy', items: batch.envelope.items }, 'delivered', '', 0)
  }
}

const query = { endpoint: undefined, key: undefined, fromMs: noon, toMs: noon + 600_000 }

describe('readLive', () => {
  it('says of each closed minute and key how it stands, the worst first', async () => {
    const test = testBooks()
    await test.intake.put(mirrored(10))
    deliver(test)
    test.forward(60_000)
    await test.intake.put(mirrored(4))
    deliver(test, ['old'])
    test.tick()
    test.forward(60_000)
    await test.intake.put(mirrored(1))
    test.tick()
    test.forward(20_000)
    const live = await readLive({ books: test.books }, query)
    expect(live.minutes.map(({ at, key, verdict, received }) => [at.slice(11, 16), key, verdict, received])).toEqual([
      ['12:02', 'cart', 'open', 1],
      ['12:01', 'cart', 'short', 4],
      ['12:00', 'cart', 'equal', 10],
    ])
    expect(live.minutes[1]).toMatchObject({ old: { delivered: 4, expected: 4 }, new: { delivered: 0, expected: 4 } })
    expect(live.summary).toEqual([{ endpoint: 'zipkin', minutes: 3, equal: 1, explained: 0, short: 1, open: 1, unknown: 0 }])
    expect([live.from, live.to]).toEqual(['2026-11-22T12:00:00.000Z', '2026-11-22T12:03:00.000Z'])
  })

  it('says the same of one key as of all', async () => {
    const test = testBooks()
    for (let at = 0; at < 3; at++) {
      await test.intake.put(mirrored(10))
      deliver(test, at === 1 ? ['old'] : ['old', 'new'])
      test.tick()
      test.forward(60_000)
    }
    test.forward(20_000)
    const all = await readLive({ books: test.books }, query)
    const { minutes, summary } = await readLive({ books: test.books }, { ...query, key: 'cart' })
    expect([minutes, summary]).toEqual([all.minutes, all.summary])
    expect(minutes.map(({ verdict }) => verdict)).toEqual(['short', 'equal', 'equal'])
    expect((await readLive({ books: test.books }, { ...query, key: 'pay' })).minutes).toEqual([])
  })

  it('keeps a minute open as long as something as old may wait', async () => {
    const test = testBooks()
    await test.intake.put(mirrored(10))
    deliver(test, ['old'])
    test.forward(300_000)
    test.tick()
    const verdict = async (oldestMs: NonNullable<LiveDeps['oldestMs']>) => {
      const { minutes } = await readLive({ books: test.books, oldestMs }, query)
      return minutes[0]?.verdict
    }
    expect(await verdict((_, side) => (side === 'new' ? 299_000 : undefined))).toBe('open')
    expect(await verdict(() => 10_000)).toBe('short')
  })

  it('asks nothing of an old side that there is none of', async () => {
    const test = testBooks()
    await test.intake.put(batchOf(10))
    deliver(test)
    test.forward(120_000)
    expect((await readLive({ books: test.books }, query)).minutes[0]?.verdict).toBe('equal')
    expect((await readLive({ books: test.books, mirrored: () => true }, query)).minutes[0]?.verdict).toBe('explained')
  })

  it('counts minutes in which nobody was there as unknown', async () => {
    const test = testBooks()
    await test.intake.put(batchOf(10))
    deliver(test)
    test.tick()
    test.forward(120_000)
    expect((await readLive({ books: test.books }, { ...query, fromMs: noon - 600_000 })).summary[0]).toMatchObject({
      equal: 1,
      unknown: 10,
    })
  })
})

describe('readSeries', () => {
  it('gives items by the minute in which they came in, and null where nobody knows', async () => {
    const test = testBooks({ waiting: () => [{ endpoint: 'zipkin', items: 5, ageMs: 2500 }] })
    await test.intake.put(mirrored(10))
    deliver(test, ['old'])
    test.tick()
    for (let at = 0; at < 12; at++) {
      test.forward(10_000)
      test.tick()
    }
    await test.intake.put(mirrored(2))
    deliver(test)
    const last = (metric: 'in' | 'old' | 'new' | 'queue' | 'age', endpoint?: string) =>
      readSeries(test.books, endpoint, metric, '1h').values.slice(-4)
    expect(last('in')).toEqual([null, 10, 0, 2])
    expect(last('old', 'zipkin')).toEqual([null, 10, 0, 2])
    expect(last('new')).toEqual([null, 0, 0, 2])
    expect(last('in', 'jaeger.http')).toEqual([null, 0, 0, 0])
    expect(last('queue')).toEqual([null, 5, 5, 5])
    expect(last('age')).toEqual([null, 2.5, 2.5, 2.5])
    const day = readSeries(test.books, undefined, 'in', '24h')
    expect([day.values.length, day.stepSeconds, day.fromMs + 1439 * 60_000, day.sinceMs]).toEqual([1440, 60, noon + 120_000, noon])
    const month = readSeries(test.books, undefined, 'in', '35d')
    expect([month.values.length, month.stepSeconds, month.values.at(-1), month.values.at(-2)]).toEqual([840, 3600, 12, null])
  })

  it('adds hours that were minutes', async () => {
    const test = testBooks({ config: { minutes: '2h' } })
    await test.intake.put(batchOf(10))
    test.forward(3 * 3_600_000)
    test.tick()
    await test.intake.put(batchOf(1))
    test.tick()
    expect(readSeries(test.books, 'zipkin', 'in', '35d').values.slice(-4)).toEqual([10, 0, 0, 1])
  })
})
