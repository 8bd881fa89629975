import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createSamples, maxGivenBytes } from '../../src/books/samples.ts'
import type { Seen } from '../../src/ingest/observe.ts'
import { requestToJson } from '../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { noon, type TestBooksOptions, testBooks } from '../support/books.ts'

const folders: string[] = []
afterEach(() => {
  for (const one of folders.splice(0)) rmSync(one, { recursive: true, force: true })
})

function setUp(options: TestBooksOptions & { readonly maxSize?: number; readonly mappingHash?: string } = {}) {
  const { maxSize = 2 ** 20, mappingHash = 'm1', ...rest } = options
  const test = testBooks(rest)
  return { test, books: test.books, samples: createSamples({ books: test.books, maxSize, mappingHash: () => mappingHash }) }
}

const hex = (value: number, width: number): string => value.toString(16).padStart(width, '0')

/** A request with one span of each trace. */
function seenOf(service: string, traces: readonly number[], atMs = noon, body = 'legacy'): Seen {
  const spans = traces.map((trace) => ({
    traceId: hex(trace + 1, 32),
    spanId: hex(trace + 1, 16),
    name: 'get',
    startTimeUnixNano: `${atMs}000000`,
    endTimeUnixNano: `${atMs}000001`,
  }))
  const request = {
    resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: service } }] }, scopeSpans: [{ spans }] }],
  }
  return {
    endpoint: 'zipkin',
    format: 'zipkin-json',
    signal: 'traces',
    atMs,
    client: undefined,
    request: 'POST /api/v2/spans',
    headers: [],
    body: Buffer.from(body),
    otlp: jsonToRequest('traces', Buffer.from(JSON.stringify(request)), 64),
    items: traces.length,
    refused: undefined,
  }
}

const window = { endpoint: undefined, key: undefined, fromMs: noon - 60_000, toMs: noon + 3_600_000 }
const upTo = (count: number): number[] => Array.from({ length: count }, (_, at) => at)

describe('createSamples', () => {
  it('keeps the four of a key and minute whose hashes are smallest, in whatever order they come', () => {
    const [one, two] = [setUp(), setUp()]
    one.samples.see(seenOf('cart', upTo(100)))
    two.samples.see(seenOf('cart', upTo(100).reverse().slice(0, 60)))
    two.samples.see(seenOf('cart', upTo(100)))
    const ids = ({ samples }: typeof one) => samples.query(window, false).items.map(({ id }) => id)
    expect(ids(one)).toHaveLength(4)
    expect(ids(one)).toEqual(ids(two))
    expect(ids(one)[0]).toMatch(/^[0-9a-f]{32}\/[0-9a-f]{16}$/)
  })

  it('gives each key its share, and shows what was received and sent to those who may see it', () => {
    const { samples } = setUp()
    samples.see(seenOf('cart', upTo(50), noon, 'body of cart'))
    samples.see(seenOf('pay', [7], noon + 1000, 'body of pay'))
    const { items, mappingHash, expected } = samples.query(window, true)
    expect([items.length, mappingHash, expected]).toEqual([5, 'm1', []])
    const pay = items.find(({ key }) => key === 'pay')
    expect(pay).toMatchObject({ endpoint: 'zipkin', format: 'zipkin-json', at: new Date(noon + 1000).toISOString() })
    expect(Buffer.from(pay?.legacy ?? '', 'base64').toString()).toBe('body of pay')
    const otlp = JSON.parse(Buffer.from(requestToJson('traces', Buffer.from(pay?.otlp ?? '', 'base64'))).toString())
    expect(otlp.resourceSpans[0].scopeSpans[0].spans[0].traceId).toBe(hex(8, 32))
    expect(samples.query({ ...window, key: 'pay' }, false).items).toEqual([expect.not.objectContaining({ legacy: expect.anything() })])
    expect(samples.query({ ...window, fromMs: noon + 60_000 }, false).items).toEqual([])
  })

  it('looks at a few requests a second', () => {
    const { samples, test } = setUp()
    for (let at = 0; at < 5; at++) samples.see(seenOf(`s${at}`, [at]))
    expect(samples.wants('zipkin')).toBe(false)
    samples.see(seenOf('late', [9]))
    test.tick()
    expect(samples.wants('zipkin')).toBe(true)
    expect(samples.query(window, false).items).toHaveLength(5)
  })

  it('keeps 20,000 a day and not more', () => {
    const { samples, test } = setUp()
    for (let minute = 0; minute < 30; minute++) {
      for (let second = 0; second < 10; second++) {
        for (let at = 0; at < 5; at++) samples.see(seenOf(`s${second * 5 + at}`, upTo(20), noon + minute * 60_000))
        test.tick()
      }
      test.forward(60_000)
      test.tick()
    }
    expect(samples.query(window, false).items.length).toBeLessThanOrEqual(800 + 30 * 14)
  })

  it('stays within its bytes: the oldest go first', () => {
    const { samples, test } = setUp({ maxSize: 100_000 })
    for (let minute = 0; minute < 40; minute++) {
      samples.see(seenOf('cart', upTo(10), noon + minute * 60_000, `${minute} ${'x'.repeat(20_000)}`))
      test.forward(60_000)
      test.tick()
    }
    const minutes = new Set(samples.query(window, false).items.map(({ at }) => at))
    expect(minutes.size).toBeGreaterThan(1)
    expect(minutes.size).toBeLessThan(6)
    expect(minutes).toContain(new Date(noon + 39 * 60_000).toISOString())
  })

  it('answers within its bytes, also where many samples are of one large request', () => {
    const { samples } = setUp({ maxSize: 64 * 2 ** 20 })
    const resourceSpans = upTo(190).map((at) => ({
      resource: { attributes: [{ key: 'service.name', value: { stringValue: `service-${at}` } }] },
      scopeSpans: [{ spans: [{ traceId: hex(at + 1, 32), spanId: hex(at + 1, 16), name: 'get', startTimeUnixNano: `${noon}000000` }] }],
    }))
    const otlp = jsonToRequest('traces', Buffer.from(JSON.stringify({ resourceSpans })), 64)
    samples.see({ ...seenOf('', [0], noon, 'x'.repeat(64 * 1024)), otlp, items: 190 })
    const { items } = samples.query(window, true)
    expect(items.length).toBeGreaterThan(4)
    expect(JSON.stringify(items).length).toBeLessThan(maxGivenBytes + 2 ** 20)
    expect(items.every(({ otlp }) => otlp !== undefined)).toBe(true)
    expect(items[0]?.legacy?.length).toBeGreaterThan(64 * 1024)
  })

  it('keeps them over a restart, and gives none that other rules made', () => {
    const path = mkdtempSync(join(tmpdir(), 'samples-'))
    folders.push(path)
    const before = setUp({ config: { path } })
    before.samples.see(seenOf('cart', [1]))
    before.books.stop()
    const after = setUp({ config: { path } })
    expect(after.samples.query(window, true).items).toHaveLength(1)
    after.books.stop()
    const changed = setUp({ config: { path }, mappingHash: 'm2' })
    expect(changed.samples.query(window, true).items).toEqual([])
    changed.books.stop()
  })

  it('keeps nothing where nothing is to be kept, and is not held up by what it cannot read', () => {
    const off = setUp({ maxSize: 0 })
    expect(off.samples.wants('zipkin')).toBe(false)
    off.samples.see(seenOf('cart', [1]))
    expect(off.samples.query(window, false).items).toEqual([])
    const { samples } = setUp()
    samples.see({ ...seenOf('cart', [1]), otlp: Uint8Array.of(0x0a, 0xff) })
    expect(samples.query(window, false).items).toEqual([])
  })
})
