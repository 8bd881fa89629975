import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EndpointState } from '../../src/cutover/model.ts'
import { createShareIntake, scaleKeys } from '../../src/cutover/share-intake.ts'
import type { EncodedBatch, Intake } from '../../src/otlp/intake.ts'
import { officialItems, officialRequest } from '../support/official-requests.ts'

const request = (ids: readonly number[]): Uint8Array =>
  officialRequest('traces', [
    {
      resource: { attributes: [] },
      scopes: [
        {
          items: ids.map((id) => {
            const traceId = Buffer.alloc(16)
            traceId.writeUInt32BE(id, 12)
            return { traceId, name: `${id}` }
          }),
        },
      ],
    },
  ])

const namesOf = (data: Uint8Array): string[] => officialItems('traces', data).map(({ item }) => (item as { name: string }).name)

const ids = Array.from({ length: 1000 }, (_, at) => at)

const batch: EncodedBatch = {
  format: 'zipkin-json',
  signal: 'traces',
  endpoint: 'zipkin',
  items: ids.length,
  data: request(ids),
  keys: [
    { service: 'cart', items: 999 },
    { service: 'pay', items: 1 },
  ],
}

function setUp(share: number, fault?: Error) {
  const taken: EncodedBatch[] = []
  const skipped: unknown[] = []
  let now = share
  const take = async (one: EncodedBatch): Promise<void> => {
    if (fault !== undefined) throw fault
    taken.push(one)
  }
  const inner: Intake = {
    put: take,
    stage: () => ({ add: take, commit: async () => {}, discard: () => {} }),
    refusal: () => undefined,
    holding: () => ({
      async put(one) {
        if (one !== undefined) await take(one)
        return 7
      },
      release: () => {},
      recover: async () => [],
    }),
  }
  const intake = createShareIntake(inner, {
    cutover: { of: (endpoint) => (endpoint === 'zipkin' ? ({ share: { new: now, old: 1 } } as EndpointState) : undefined) },
    means: () => ({ traces: 'mixed', metrics: 'target' }),
    skipped: (_batch, keys, items) => void skipped.push([items, keys?.map((key) => key.items)]),
  })
  return { intake, taken, skipped, turn: (to: number) => (now = to) }
}

describe('createShareIntake', () => {
  it('hands on what has no share, or all of one, as it is', async () => {
    const { intake, taken, skipped } = setUp(1)
    await intake.put(batch)
    await intake.put({ ...batch, endpoint: 'jaeger.http' })
    expect(taken[0]).toBe(batch)
    expect(taken).toHaveLength(2)
    expect(skipped).toEqual([])
  })

  it('keeps the share, of each trace all spans, and tells the rest by key', async () => {
    const { intake, taken, skipped } = setUp(0.25)
    await intake.put(batch)
    const [rest] = taken as [EncodedBatch]
    expect(rest.items).toBe(namesOf(rest.data).length)
    expect(rest.items).toBeGreaterThan(180)
    expect(rest.items).toBeLessThan(320)
    const left = rest.keys?.reduce((sum, key) => sum + key.items, 0)
    expect(left).toBe(rest.items)
    expect(skipped).toEqual([[1000 - rest.items, [expect.any(Number), expect.any(Number)]]])
  })

  it('gives the same traces again after the share went up and down', async () => {
    const { intake, taken, turn } = setUp(0.1)
    await intake.put(batch)
    turn(0.6)
    await intake.put(batch)
    turn(0.1)
    await intake.put(batch)
    const [first, more, last] = taken.map((one) => namesOf(one.data)) as [string[], string[], string[]]
    expect(last).toEqual(first)
    expect(first.filter((name) => !more.includes(name))).toEqual([])
  })

  it('puts nothing where nothing is left, but what the old side gets', async () => {
    const { intake, taken, skipped } = setUp(0)
    await intake.put(batch)
    expect(taken).toEqual([])
    const envelope = { mirror: 'mirror.zipkin', format: 'zipkin-json', items: 1000, data: new Uint8Array(3) }
    await intake.put({ ...batch, envelope })
    expect(taken).toEqual([
      {
        ...batch,
        envelope,
        items: 0,
        data: new Uint8Array(0),
        keys: [
          { service: 'cart', items: 0 },
          { service: 'pay', items: 0 },
        ],
      },
    ])
    expect(skipped).toHaveLength(2)
  })

  it('tells nothing of what the queue did not take', async () => {
    const { intake, skipped } = setUp(0.5, new Error('full'))
    await expect(intake.put(batch)).rejects.toThrow('full')
    await expect(intake.holding?.('x')?.put(batch, new Uint8Array(1))).rejects.toThrow('full')
    const staging = intake.stage()
    await expect(staging.add(batch)).rejects.toThrow('full')
    expect(skipped).toEqual([])
  })

  it('divides parts of large requests, and what is put with something kept, and tells it with the commit', async () => {
    const { intake, taken, skipped } = setUp(0.5)
    expect(await intake.holding?.('x')?.put(batch, new Uint8Array(1))).toBe(7)
    expect(skipped).toHaveLength(1)
    const staging = intake.stage()
    await staging.add(batch)
    expect(skipped).toHaveLength(1)
    await staging.commit()
    expect(skipped).toHaveLength(2)
    expect(taken).toHaveLength(2)
  })
})

describe('scaleKeys', () => {
  it('deals out exactly as many items, to no key more than it had', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 8 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (counts, part) => {
          const total = counts.reduce((sum, one) => sum + one, 0)
          const items = Math.floor(total * part)
          const scaled = scaleKeys(
            counts.map((one, at) => ({ service: `${at}`, items: one })),
            items,
          )
          expect(scaled.reduce((sum, one) => sum + one.items, 0)).toBe(items)
          for (const [at, one] of scaled.entries()) expect(one.items).toBeLessThanOrEqual(counts[at] as number)
        },
      ),
    )
  })
})
