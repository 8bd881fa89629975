import { afterEach, describe, expect, it } from 'vitest'
import { createStaging } from '../../support/staging.ts'
import { type Bulk, create, lines, startBulk } from '../support/elasticsearch.ts'
import { createFakeMirror, type FakeMirror } from '../support/fake-mirror.ts'
import { countsOf, createFakeDeps, openBooks, queueFull } from '../support/fakes.ts'

let bulk: Bulk
let mirror: FakeMirror

const start = async (config: object = {}): Promise<void> => {
  mirror = createFakeMirror('elasticsearch', { new: 'optional' })
  bulk = await startBulk(config, {}, { ...createFakeDeps(), mirrors: () => mirror.door })
}

afterEach(async () => {
  expect(openBooks(bulk.deps.metrics)).toEqual([])
  await bulk.listener.stop(0)
})

const large = Array.from({ length: 900 }, (_, at) => lines(create('logs'), { message: `${at}${'x'.repeat(10_000)}` })).join('')

const forOld = (): Buffer =>
  Buffer.concat(bulk.deps.fake.batches.flatMap(({ envelope }) => (envelope === undefined ? [] : [envelope.data])))

describe('a large mirrored _bulk that the new side need not have', () => {
  /** A new side that has room for so many parts, and an old one that has room for all. */
  const roomFor = (parts: number): void => {
    const { fake, intake } = bulk.deps
    let left = parts
    const stage = () => {
      const staging = createStaging(
        async (all) => void fake.batches.push(...all),
        async ({ envelope }) => {
          if (envelope === undefined && left-- <= 0) throw queueFull()
        },
      )
      fake.stagings.push(staging)
      return staging
    }
    Object.assign(intake, { stage })
  }

  it('goes to the old side alone where the new side has no room for it and need not have it', async () => {
    await start()
    roomFor(0)
    const answer = await bulk.post('/_bulk', large)
    expect([answer.status, bulk.messages(), forOld().equals(Buffer.from(large))]).toEqual([200, [], true])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shed_full: 900 })
  })

  it('comes again when the new side has room for some of it, and goes without that side then', async () => {
    await start({ backpressure: { hold: 0, answer: 429 } })
    roomFor(1)
    expect((await bulk.post('/_bulk', large)).status).toBe(429)
    expect(bulk.deps.fake.batches).toEqual([])
    mirror.wrapped.length = 0
    const answer = await bulk.post('/_bulk', large)
    expect([answer.status, bulk.messages(), forOld().equals(Buffer.from(large))]).toEqual([200, [], true])
    expect(countsOf(bulk.deps.metrics, 'otlp_bridge_dropped_items_total', 'reason')).toEqual({ shed_full: 900 })
  })
})
