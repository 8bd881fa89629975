import { describe, expect, it } from 'vitest'
import { createBatcher, noMeta } from '../../support/log-records.ts'

const servicesOf = (documents: readonly object[], batcher = createBatcher()) => {
  const lines = documents.map((document) => Buffer.from(`${JSON.stringify(document)}\n`))
  batcher.open(Buffer.concat(lines))
  let at = 0
  for (const { length } of lines) {
    batcher.add(at, at + length - 1, noMeta)
    at += length
  }
  return batcher.take().flatMap(({ services }) => services)
}

describe('createServiceCounter', () => {
  it('counts records by service, over resources, and forgets them with the request', () => {
    const batcher = createBatcher()
    const documents = [
      { service: { name: 'a' } },
      { service: { name: 'b' }, host: { name: 'h' } },
      { service: { name: 'a', version: '1' } },
      { message: 'no service' },
      { service: { name: 5 } },
    ]
    for (let round = 0; round < 2; round++) {
      expect(servicesOf(documents, batcher)).toEqual([
        { service: 'a', items: 2 },
        { service: 'b', items: 1 },
      ])
    }
    expect(servicesOf([{ message: 'm' }], batcher)).toEqual([])
  })

  it('tells a bounded number of names apart, of bounded length', () => {
    const documents = Array.from({ length: 3000 }, (_, i) => ({ service: { name: `s${i}${'x'.repeat(200)}` } }))
    const services = servicesOf(documents)
    expect(services).toHaveLength(1024)
    expect(services.every(({ service, items }) => service.length === 128 && items === 1)).toBe(true)
  })
})
