import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterEach, describe, expect, it } from 'vitest'
import { clientsCsv } from '../../src/admin/clients-csv.ts'
import { createAddresses, networkOf } from '../../src/clients/addresses.ts'
import { inventoryConfig } from '../../src/clients/config.ts'
import { createInventory } from '../../src/clients/inventory.ts'
import { BridgeError } from '../../src/errors.ts'
import { batchOf, noon, type TestBooksOptions, testBooks } from '../support/books.ts'

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const folders: string[] = []
afterEach(() => {
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true })
})

function setUp(config: object = {}, options: TestBooksOptions = {}) {
  const test = testBooks(options)
  const inventory = createInventory({ config: inventoryConfig.parse(config), addresses: 'full', books: test.books, metrics: test.metrics })
  return { ...test, test, inventory }
}

const from = (address: string, userAgent: string | undefined, hints?: Record<string, string>) => ({ client: { address, userAgent, hints } })

/** `ExportTraceServiceRequest` with one resource of these attributes. */
function resourceOf(attributes: Readonly<Record<string, string>>): Uint8Array {
  const field = (number: number, bytes: Uint8Array): Uint8Array => Buffer.concat([Uint8Array.of((number << 3) | 2, bytes.length), bytes])
  const pairs = Object.entries(attributes).map(([key, value]) =>
    field(1, Buffer.concat([field(1, Buffer.from(key)), field(2, field(1, Buffer.from(value)))])),
  )
  const long = (number: number, bytes: Uint8Array): Uint8Array =>
    Buffer.concat([Uint8Array.of((number << 3) | 2, (bytes.length & 127) | 128, bytes.length >> 7), bytes])
  return long(1, long(1, Buffer.concat(pairs)))
}

describe('createInventory', () => {
  it('lists who sends what, with which library, from where, how much and since when', async () => {
    const { intake, inventory, test } = setUp()
    await intake.put(batchOf(10, from('10.0.0.1', 'Java/17', { b3: '0' })))
    test.forward(61_000)
    test.tick()
    await intake.put(batchOf(20, from('10.0.0.2', 'Java/17', { b3: '0' })))
    await intake.put(batchOf(1, { ...from('10.0.0.9', 'curl/8.0'), keys: [{ service: 'pay', items: 1 }] }))
    expect(inventory.list({ sort: 'key', filter: '' })).toEqual([
      {
        endpoint: 'zipkin',
        format: 'zipkin-json',
        key: 'cart',
        library: 'zipkin-reporter (Brave)',
        language: 'java',
        probably: false,
        addresses: ['10.0.0.2', '10.0.0.1'],
        firstSeen: new Date(noon).toISOString(),
        lastSeen: new Date(noon + 61_000).toISOString(),
        itemsPerMinute: 10,
        itemsToday: 30,
        errors: 0,
        silent: false,
        advice: expect.stringMatching(/^Brave/),
      },
      expect.objectContaining({ key: 'pay', library: 'curl', version: '8.0', itemsPerMinute: 1 }),
    ])
    expect(inventory.count('zipkin')).toBe(2)
    expect(inventory.list({ sort: 'items', filter: '0.0.9' })).toHaveLength(1)
    expect(inventory.list({ sort: 'items', filter: 'BRAVE' })).toHaveLength(1)
  })

  it('leaves out probes, and what is not legacy', async () => {
    const { intake, inventory } = setUp()
    await intake.put(batchOf(0, from('10.0.0.1', 'Java/17')))
    await intake.put(batchOf(5, { ...from('10.0.0.1', 'x'), format: 'otlp-proto', endpoint: 'otlp' }))
    expect(inventory.all()).toEqual([])
  })

  it('learns the library of a process from what was made of its tags', async () => {
    const { intake, inventory } = setUp()
    const otlp = resourceOf({ 'service.name': 'cart', 'jaeger.version': 'Go-2.30.0', 'host.name': 'vm-7' })
    await intake.put(batchOf(3, { format: 'jaeger-thrift-compact', endpoint: 'jaeger.compact' }))
    expect(inventory.all()[0]).toMatchObject({ library: 'unknown' })
    expect(inventory.wants('jaeger.compact')).toBe(true)
    const seen = {
      format: 'jaeger-thrift-compact',
      signal: 'traces',
      atMs: noon,
      client: undefined,
      request: '',
      headers: [],
      items: 3,
    } as const
    inventory.see({ ...seen, endpoint: 'jaeger.compact', body: new Uint8Array(), otlp, refused: undefined })
    inventory.see({ ...seen, endpoint: 'jaeger.compact', body: new Uint8Array(), otlp: otlp.subarray(0, 40), refused: undefined })
    expect(inventory.all()[0]).toMatchObject({
      library: 'jaeger-client-go',
      version: '2.30.0',
      language: 'go',
      probably: false,
      via: 'vm-7',
    })
  })

  it('looks at a few requests a second', () => {
    const { inventory, test } = setUp()
    const seen = { format: 'jaeger-proto', signal: 'traces', atMs: noon, client: undefined, request: '', headers: [], items: 1 } as const
    const look = () =>
      inventory.see({
        ...seen,
        endpoint: 'jaeger.grpc',
        body: new Uint8Array(),
        otlp: resourceOf({ 'service.name': 'a' }),
        refused: undefined,
      })
    for (let at = 0; at < 5; at++) look()
    expect(inventory.wants('jaeger.grpc')).toBe(false)
    test.tick()
    expect(inventory.wants('jaeger.grpc')).toBe(true)
    expect(inventory.wants('elasticsearch')).toBe(false)
  })

  it('counts what the queue did not take', async () => {
    const { intake, inventory, test } = setUp()
    test.refuse = new BridgeError('OB_QUEUE_FULL', 'cannot take data: the queue is full')
    await expect(intake.put(batchOf(2, from('10.0.0.1', 'curl/8')))).rejects.toThrow()
    expect(inventory.all()[0]).toMatchObject({ errors: 1 })
  })

  it('calls those silent that were not heard of for a day, and says how many in a metric', async () => {
    const { intake, inventory, test } = setUp()
    await intake.put(batchOf(2, from('10.0.0.1', 'curl/8')))
    test.forward(86_400_001)
    await intake.put(batchOf(2, { ...from('10.0.0.1', 'curl/8'), keys: [{ service: 'pay', items: 2 }] }))
    test.tick()
    await intake.put(batchOf(2, { ...from('10.0.0.1', 'curl/8'), keys: [{ service: 'pay', items: 2 }] }))
    expect(inventory.list({ sort: 'key', filter: '' }).map(({ key, silent, itemsToday }) => [key, silent, itemsToday])).toEqual([
      ['cart', true, 0],
      ['pay', false, 2],
    ])
    test.metrics.collect()
    expect([test.metrics.total('otlp_bridge_clients_known'), test.metrics.total('otlp_bridge_clients_silent')]).toEqual([2, 1])
  })

  it('goes on over a restart, and adds up what several processes counted', async () => {
    const path = mkdtempSync(join(tmpdir(), 'clients-'))
    folders.push(path)
    const one = setUp({}, { config: { path } })
    const two = setUp({}, { config: { path } })
    for (const { intake } of [one, two]) await intake.put(batchOf(10, from('10.0.0.1', 'curl/8')))
    for (const { inventory } of [one, two]) inventory.save()
    await one.intake.put(batchOf(1, from('10.0.0.1', 'curl/8')))
    one.inventory.save()
    for (const { books } of [one, two]) books.stop()
    const after = setUp({}, { config: { path }, wallMs: noon + 3_600_000 })
    expect(after.inventory.all()).toMatchObject([
      { key: 'cart', library: 'curl', addresses: ['10.0.0.1'], itemsToday: 21, firstSeen: new Date(noon).toISOString() },
    ])
    await after.intake.put(batchOf(4, from('10.0.0.1', 'curl/8')))
    expect(after.inventory.all()).toMatchObject([{ itemsToday: 25 }])
    after.books.stop()
  })

  it('keeps its bounds, and its memory, under 100,000 user agents, addresses and services', async () => {
    const { intake, inventory, test } = setUp({ max: 1000 })
    const batch = batchOf(1)
    const send = async (at: number) => {
      const key = { service: `service-${at % 3000}`, items: 1 }
      await intake.put({
        ...batch,
        keys: [key],
        client: { address: `10.${at & 255}.${(at >> 8) & 255}.${at % 251}`, userAgent: `Agent-${at}/${'x'.repeat(200)}` },
      })
      test.put.length = 0
    }
    for (let at = 0; at < 20_000; at++) await send(at)
    collect()
    const before = process.memoryUsage().heapUsed
    for (let at = 20_000; at < 100_000; at++) await send(at)
    collect()
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(4e6)
    expect(inventory.all().length).toBeLessThanOrEqual(1000)
    expect(inventory.truncated).toBe(true)
    expect(Math.max(...inventory.all().map(({ addresses }) => addresses.length))).toBeLessThanOrEqual(50)
    expect(inventory.all().some(({ library }) => library === '(other)')).toBe(true)
  })

  it('keeps networks, or nothing, where addresses are not to be kept', async () => {
    for (const [addresses, expected] of [
      ['group', ['10.0.0.0/24']],
      ['off', []],
    ] as const) {
      const { intake, inventory } = setUp({ addresses })
      await intake.put(batchOf(1, from('10.0.0.7', 'curl/8')))
      expect(inventory.all()[0]?.addresses).toEqual(expected)
    }
  })
})

describe('networkOf', () => {
  it.each([
    ['10.1.2.3', '10.1.2.0/24'],
    ['::ffff:10.1.2.3', '10.1.2.0/24'],
    ['2001:db8:1:ab12::7', '2001:db8:1:ab00::/56'],
    ['fe80::1%eth0', 'fe80:0:0:0::/56'],
    ['::1', '0:0:0:0::/56'],
    ['not an address', 'not an address'],
  ])('%s is in %s', (address, network) => {
    expect(networkOf(address)).toBe(network)
  })
})

describe('createAddresses', () => {
  it('makes networks of more than 50', () => {
    const addresses = createAddresses('full')
    for (let at = 0; at < 50; at++) addresses.see(`10.0.0.${at}`, at)
    expect(addresses.list()).toHaveLength(50)
    addresses.see('10.0.1.1', 60)
    expect(addresses.list()).toEqual(['10.0.1.0/24', '10.0.0.0/24'])
  })
})

describe('clientsCsv', () => {
  it('holds nothing that a spreadsheet would take for a formula', async () => {
    const { intake, inventory } = setUp()
    for (const service of ['=cmd|calc', '+1', '-1', '@SUM(A1)', '\t=1', 'a,"b"\n=1'])
      await intake.put(batchOf(1, { ...from('10.0.0.1', '=HYPERLINK("x")'), keys: [{ service, items: 1 }] }))
    const csv = clientsCsv(inventory.all())
    expect(csv.split(/,|\r\n/).filter((cell) => /^"?[=+\-@\t]/.test(cell))).toEqual([])
  })
})
