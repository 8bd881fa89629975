/** `backfill kafka` from a real broker: every record once, from offsets and times, compressed and in transactions, what expired and what is no record counted. */

import { randomBytes } from 'node:crypto'
import { Producer } from '@platformatic/kafka'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { kafka } from '../../src/backfill/sources/kafka.ts'
import { allPages, never, pagesOf, sourceDeps, spanIds, totals } from '../backfill/support/source-deps.ts'
import { type Broker, kafkaPresent, startBroker } from './kafka-broker.ts'
import { createTopic } from './kafka-lab.ts'

const topic = 'zipkin-history'
const count = 5000

describe.skipIf(!kafkaPresent())('backfill kafka, at a real broker', () => {
  let broker: Broker
  const ids: string[] = []

  const span = (): string => {
    const [traceId, id] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
    ids.push(`${traceId}/${id}`)
    return JSON.stringify([
      { traceId, id, name: 'n', timestamp: 1_762_500_000_000_000, duration: 3, localEndpoint: { serviceName: 'shop' } },
    ])
  }

  beforeAll(async () => {
    broker = await startBroker()
    await createTopic(broker.address, topic, 3)
    for (const [compression, from] of [
      ['none', 0],
      ['gzip', 1],
      ['zstd', 2],
      ['lz4', 3],
      ['snappy', 4],
    ] as const) {
      const producer = new Producer({
        clientId: 'history',
        bootstrapBrokers: [broker.address],
        ...(compression === 'none' ? {} : { compression }),
      })
      for (let at = 0; at < count / 5; at += 250) {
        const messages = Array.from({ length: 250 }, (_, one) => ({ topic, partition: (at + one + from) % 3, value: Buffer.from(span()) }))
        await producer.send({ messages })
      }
      await producer.close()
    }
  }, 120_000)

  afterAll(() => broker?.remove())

  const open = (options: Readonly<Record<string, unknown>> = {}, items = 700) =>
    kafka.open({ brokers: broker.address, topic, format: 'zipkin', ...options }, [], sourceDeps({ page: { items, bytes: 4 * 2 ** 20 } }))

  it('reads every record once, and goes on at every page as if it had not stopped', async () => {
    const source = await open()
    const plan = await source.plan(never)
    expect(plan.groups).toHaveLength(3)
    const pages = []
    for (const slice of plan.slices) {
      const whole = await pagesOf(source.open(slice, undefined))
      for (const [at, { cursor, last }] of whole.entries())
        if (!last) expect(await pagesOf(source.open(slice, cursor))).toEqual(whole.slice(at + 1))
      pages.push(...whole)
    }
    expect(spanIds(pages)).toEqual([...ids].sort())
    expect(totals(pages)).toMatchObject({ read: count, translated: count, items: count, skipped: {} })
    await source.close()
  }, 60_000)

  it('begins at an offset', async () => {
    const source = await open({ from: 'offset:1000' })
    const { groups } = await source.plan(never)
    expect(groups.reduce((all, { items }) => all + items, 0)).toBe(count - 3000)
    expect(totals(await allPages(source)).read).toBe(count - 3000)
    await source.close()
  })

  it('begins at a time, and ends where the topic ended when it was planned', async () => {
    const source = await open({ from: `time:${new Date(Date.now() + 3_600_000).toISOString()}` })
    expect((await source.plan(never)).slices).toEqual([])
    await source.close()
    const whole = await open({ from: 'time:2020-01-01T00:00:00Z' })
    const { slices } = await whole.plan(never)
    const producer = new Producer({ clientId: 'late', bootstrapBrokers: [broker.address] })
    await producer.send({
      messages: [
        { topic, partition: 0, value: Buffer.from('not json') },
        { topic, partition: 0, value: Buffer.from('') },
      ],
    })
    await producer.close()
    const pages = []
    for (const slice of slices) pages.push(...(await pagesOf(whole.open(slice, undefined))))
    expect(totals(pages)).toMatchObject({ read: count, skipped: {} })
    // Those that came later are read by who plans later, and left out with their reason.
    expect(totals(await allPages(whole))).toMatchObject({ read: count + 2, translated: count, skipped: { not_json: 1, empty_value: 1 } })
    await whole.close()
  })

  it('counts what the broker no longer has', async () => {
    const source = await open()
    const slice = { key: { topic, partition: 0, from: 0, to: 100 }, group: topic, fromMs: undefined, toMs: undefined, items: 100, bytes: 0 }
    const { Admin } = await import('@platformatic/kafka')
    const admin = new Admin({ clientId: 'admin', bootstrapBrokers: [broker.address] })
    await admin.deleteRecords({ topics: [{ name: topic, partitions: [{ partition: 0, offset: 40n }] }] })
    await admin.close()
    expect(totals(await pagesOf(source.open(slice, undefined)))).toMatchObject({ read: 100, translated: 60, skipped: { expired: 40 } })
    await source.close()
  })

  it('says which topic is not there', async () => {
    await expect(open({ topic: 'nothing-of-the-kind' })).rejects.toMatchObject({
      code: 'OB_SOURCE',
      message: expect.stringMatching(/^vanished: /),
    })
  })
})
