import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createInspector, type InspectLimits } from '../../../src/otlp/decode/inspect.ts'
import type { Signal } from '../../../src/otlp/intake.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'
import { arbitraryRequest } from '../../support/arbitrary-otlp.ts'
import { officialDecode, officialEncode, type Plain } from '../../support/official-otlp.ts'

const signals: readonly Signal[] = ['traces', 'metrics', 'logs']
const limits: InspectLimits = { maxItems: 1000, maxAttributes: 1000, maxEvents: 1000, maxDepth: 64, maxStringBytes: 100_000 }
const inspectors = {
  traces: createInspector('traces', limits),
  metrics: createInspector('metrics', limits),
  logs: createInspector('logs', limits),
}

const encode = (signal: Signal, plain: object): Uint8Array => jsonToRequest(signal, Buffer.from(JSON.stringify(plain)), 500)

/** Every list below a key, anywhere in it. */
function listsOf(value: unknown, keys: readonly string[]): unknown[][] {
  if (Array.isArray(value)) return value.flatMap((one) => listsOf(one, keys))
  if (value === null || typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => (keys.includes(key) && Array.isArray(inner) ? [inner] : listsOf(inner, keys)))
}

const count = (plain: unknown): number => listsOf(plain, ['spans', 'dataPoints', 'logRecords']).reduce((sum, list) => sum + list.length, 0)

const field = (tag: number, body: Uint8Array): Uint8Array => {
  const length: number[] = []
  let rest = body.length
  for (; rest > 0x7f; rest >>>= 7) length.push((rest & 0x7f) | 0x80)
  return Buffer.concat([Uint8Array.of(tag, ...length, rest), body])
}
/** One span made of these bytes. */
const spanOf = (...parts: Uint8Array[]): Uint8Array => field(0x0a, field(0x12, field(0x12, Buffer.concat(parts))))

const service = (name: string, items: number): Plain => ({
  resource: {
    attributes: [
      { key: 'host.name', value: { stringValue: 'h' } },
      { key: 'service.name', value: { stringValue: name } },
    ],
  },
  scopeSpans: [{ spans: Array.from({ length: items }, () => ({ name: 'n' })) }],
})

describe('createInspector', () => {
  it.each(signals)('takes and counts whatever official %s there are', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), (plain) => {
        expect(inspectors[signal](officialEncode(plain, signal)).items).toBe(count(plain))
      }),
      { numRuns: 300 },
    )
  })

  it.each(signals)('refuses every cut of %s that the official library refuses', (signal) => {
    const [plain = {}] = fc.sample(
      arbitraryRequest(signal).filter((one) => count(one) > 1),
      { numRuns: 1, seed: 11 },
    )
    const request = officialEncode(plain, signal)
    for (let end = 0; end < request.length; end++) {
      const cut = request.subarray(0, end)
      let readable = true
      try {
        officialDecode(cut, signal)
      } catch {
        readable = false
      }
      if (!readable) expect(() => inspectors[signal](cut), `${end}`).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
    }
  })

  it('fails with a code of ours and never otherwise on changed bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...signals), fc.nat(), fc.nat(255), fc.nat(), (signal, at, byte, seed) => {
        const [plain = {}] = fc.sample(arbitraryRequest(signal), { numRuns: 1, seed })
        const request = Buffer.from(officialEncode(plain, signal))
        if (request.length === 0) return
        request[at % request.length] = byte
        try {
          inspectors[signal](request)
        } catch (error) {
          expect(error).toMatchObject({ code: expect.stringMatching(/^OB_DECODE_PROTO$|^OB_LIMIT_/) })
        }
      }),
      { numRuns: 300 },
    )
  })

  it('counts data points of all five kinds', () => {
    const points = [{}, {}]
    const metrics = ['gauge', 'sum', 'histogram', 'exponentialHistogram', 'summary'].map((kind) => ({
      name: kind,
      [kind]: { dataPoints: points },
    }))
    const request = encode('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics }, { metrics: [{ name: 'none' }] }] }] })
    expect(inspectors.metrics(request).items).toBe(10)
  })

  it('says whose items they are', () => {
    const unnamed = { resource: { attributes: [{ key: 'service.name', value: { intValue: '5' } }] }, scopeSpans: [{ spans: [{}] }] }
    const request = encode('traces', {
      resourceSpans: [service('a', 2), unnamed, service('b', 1), { scopeSpans: [{ spans: [{}] }] }, service('c', 0)],
    })
    expect(inspectors.traces(request)).toEqual({
      items: 5,
      services: [
        { service: 'a', items: 2 },
        { service: 'b', items: 1 },
      ],
      badIds: 5,
    })
  })

  it('finds the service behind the spans, its value before its key, and cuts a long name', () => {
    const name = 'é'.repeat(200)
    const attribute = Buffer.concat([field(0x12, field(0x0a, Buffer.from(name))), field(0x0a, Buffer.from('service.name'))])
    const spans = field(0x12, field(0x12, new Uint8Array(0)))
    const request = field(0x0a, Buffer.concat([spans, field(0x0a, field(0x0a, attribute)), spans]))
    expect(inspectors.traces(request).services).toEqual([{ service: 'é'.repeat(128), items: 2 }])
  })

  it('steps over fields that OTLP does not know, groups among them', () => {
    const unknown = Uint8Array.of(0xf8, 0x07, 1, 0xfb, 0x07, 0x08, 1, 0xfc, 0x07, 0xfa, 0x07, 1, 0xff)
    expect(inspectors.traces(spanOf(unknown)).items).toBe(1)
    expect(inspectors.traces(Buffer.concat([unknown, spanOf(), unknown])).items).toBe(1)
  })

  it('takes lists of numbers packed and unpacked', () => {
    const point = (inner: Uint8Array): Uint8Array => field(0x0a, field(0x12, field(0x12, field(0x4a, field(0x0a, inner)))))
    const two = new Uint8Array(16)
    expect(inspectors.metrics(point(Buffer.concat([field(0x32, two), Uint8Array.of(0x31), two.subarray(8)]))).items).toBe(1)
    expect(() => inspectors.metrics(point(field(0x32, two.subarray(3))))).toThrow('13 bytes of 64-bit numbers')
  })

  it.each([
    ['a missing id', { name: 'n' }, 1],
    ['ids of zeros', { traceId: '0'.repeat(32), spanId: '0'.repeat(16) }, 1],
    ['good ids', { traceId: `${'0'.repeat(31)}1`, spanId: `1${'0'.repeat(15)}` }, 0],
  ])('notes %s', (_, span, badIds) => {
    expect(inspectors.traces(encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] }))).toMatchObject({
      items: 1,
      badIds,
    })
  })

  it('notes ids of the wrong length, and takes them', () => {
    const id = (tag: number, length: number): Uint8Array => field(tag, new Uint8Array(length).fill(1))
    expect(inspectors.traces(spanOf(id(0x0a, 8), id(0x12, 8)))).toMatchObject({ items: 1, badIds: 1 })
    expect(inspectors.traces(spanOf(id(0x0a, 16), id(0x12, 8)))).toMatchObject({ items: 1, badIds: 0 })
  })

  it.each([
    ['a length that reaches out of its message', Uint8Array.of(0x0a, 2, 0x12, 5)],
    ['field number 0', Uint8Array.of(0x02, 0)],
    ['field number 0 in a span', spanOf(Uint8Array.of(0x00, 0))],
    ['a known field with another wire type', spanOf(Uint8Array.of(0x08, 1))],
    ['a request with another wire type', Uint8Array.of(0x08, 1)],
    ['the end of a group that has not begun', spanOf(Uint8Array.of(0x54))],
    ['a varint of 11 bytes', spanOf(Uint8Array.of(0x30, ...new Array(10).fill(0xff), 1))],
    ['a cut varint', spanOf(Uint8Array.of(0x30, 0xff))],
    ['text', Buffer.from('{"resourceSpans":[]}')],
  ])('refuses %s', (_, request) => {
    expect(() => inspectors.traces(request)).toThrow(
      expect.objectContaining({ code: 'OB_DECODE_PROTO', place: expect.stringMatching(/^byte \d+$/) }),
    )
  })

  it('refuses what is over its limits', () => {
    const small = createInspector('traces', { maxItems: 2, maxAttributes: 2, maxEvents: 2, maxDepth: 3, maxStringBytes: 10 })
    const one = (span: Plain, times = 1): Uint8Array =>
      encode('traces', { resourceSpans: [{ scopeSpans: [{ spans: Array(times).fill(span) }] }] })
    const nested = (depth: number): Plain => (depth === 1 ? {} : { arrayValue: { values: [nested(depth - 1)] } })
    const code = (name: string) => expect.objectContaining({ code: name })
    expect(small(one({}, 2)).items).toBe(2)
    expect(() => small(one({}, 3))).toThrow(code('OB_LIMIT_ITEMS'))
    expect(() => small(one({ attributes: [{}, {}, {}] }))).toThrow(code('OB_LIMIT_LENGTH'))
    expect(() => small(one({ events: [{}, {}], links: [{}] }))).toThrow(code('OB_LIMIT_LENGTH'))
    expect(() => small(one({ name: 'x'.repeat(11) }))).toThrow(code('OB_LIMIT_LENGTH'))
    expect(small(one({ name: 'x'.repeat(10), attributes: [{ value: nested(3) }] })).items).toBe(1)
    expect(() => small(one({ attributes: [{ value: nested(4) }] }))).toThrow(code('OB_LIMIT_DEPTH'))
  })

  it('does not mix up two requests, the first of which it refused', () => {
    const inspect = createInspector('traces', limits)
    const good = encode('traces', { resourceSpans: [service('a', 3)] })
    expect(() => inspect(good.subarray(0, good.length - 1))).toThrow()
    expect(inspect(good)).toEqual({ items: 3, services: [{ service: 'a', items: 3 }], badIds: 3 })
    expect(inspect(new Uint8Array(0))).toEqual({ items: 0, services: [], badIds: 0 })
  })
})
