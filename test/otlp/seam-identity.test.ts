import { describe, expect, it } from 'vitest'
import { createFileTranslator, type FileFormat, translateConfig } from '../../src/ingest/index.ts'
import type { Signal } from '../../src/otlp/intake.ts'
import { jsonToRequest } from '../../src/otlp/json/to-proto.ts'
import { eachIdentity, identityVersion, serviceHash } from '../../src/otlp/seam-identity.ts'

const at = '1763716447000000123'

const text = (key: string, stringValue: string) => ({ key, value: { stringValue } })

const encode = (signal: Signal, resource: readonly object[], item: object): Uint8Array => {
  const names = {
    traces: ['resourceSpans', 'scopeSpans', 'spans'],
    logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
    metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  } as const
  const [groups, scopes, items] = names[signal]
  return jsonToRequest(
    signal,
    Buffer.from(JSON.stringify({ [groups]: [{ resource: { attributes: resource }, [scopes]: [{ [items]: [item] }] }] })),
    100,
  )
}

const all = (signal: Signal, request: Uint8Array): string[] => {
  const found: string[] = []
  eachIdentity(signal, request, (low, high) => found.push(`${(low >>> 0).toString(16)} ${(high >>> 0).toString(16)}`))
  return found
}

const identity = (signal: Signal, resource: readonly object[], item: object): string => all(signal, encode(signal, resource, item)).join()

const cart = [text('service.name', 'cart'), text('host.name', 'a')]
const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'get', kind: 2, startTimeUnixNano: at }
const record = { timeUnixNano: at, body: { stringValue: 'hello' }, attributes: [text('a', '1'), text('b', '2')] }
const point = { timeUnixNano: at, asDouble: 1, attributes: [text('a', '1'), text('b', '2')] }
const gauge = (one: object, name = 'up') => ({ name, gauge: { dataPoints: [one] } })

describe('eachIdentity', () => {
  it('tells spans apart by trace, id, kind, start and service, and by nothing else', () => {
    const base = identity('traces', cart, span)
    const others = [
      identity('traces', cart, { ...span, traceId: '1af7651916cd43dd8448eb211c80319c' }),
      identity('traces', cart, { ...span, spanId: 'c7ad6b7169203331' }),
      identity('traces', cart, { ...span, kind: 3 }),
      identity('traces', cart, { ...span, startTimeUnixNano: '1763716447000001123' }),
      identity('traces', [text('service.name', 'shop')], span),
    ]
    expect(new Set([base, ...others]).size).toBe(6)
    const more = { ...span, name: 'other', endTimeUnixNano: at, attributes: [text('a', 'b')], parentSpanId: '00f067aa0ba902b7' }
    expect(identity('traces', [text('host.name', 'b'), ...cart.slice(0, 1)], more)).toBe(base)
  })

  it('tells records apart by time, body and sender; those without a body by what they say', () => {
    const base = identity('logs', cart, record)
    const others = [
      identity('logs', cart, { ...record, timeUnixNano: '1763716447000001123' }),
      identity('logs', cart, { ...record, body: { stringValue: 'hell' } }),
      identity('logs', [text('service.name', 'cart'), text('host.name', 'b')], record),
      identity('logs', cart, { ...record, body: undefined }),
      identity('logs', cart, { ...record, body: undefined, attributes: [text('a', '1'), text('b', '3')] }),
    ]
    expect(new Set([base, ...others]).size).toBe(6)
    expect(identity('logs', [...cart].reverse(), { ...record, attributes: [], observedTimeUnixNano: at, severityNumber: 9 })).toBe(base)
    const given = [text('b', '2'), text('elasticsearch.document.id', 'x'), text('a', '1')]
    expect(identity('logs', cart, { ...record, body: undefined, attributes: given })).toBe(others[3])
  })

  it('tells streams apart by name, attributes and instance, whatever target_info adds', () => {
    const target = [text('service.name', 'node'), text('service.instance.id', 'a:9100')]
    const base = identity('metrics', target, gauge(point))
    const others = [
      identity('metrics', target, gauge(point, 'down')),
      identity('metrics', target, gauge({ ...point, attributes: [text('a', '1')] })),
      identity('metrics', [text('service.name', 'node'), text('service.instance.id', 'b:9100')], gauge(point)),
      identity('metrics', [text('service.name', 'node'), text('host.name', 'a')], gauge(point)),
      identity('metrics', [text('service.name', 'node'), text('host.name', 'b')], gauge(point)),
    ]
    expect(new Set([base, ...others]).size).toBe(6)
    const later = { ...point, timeUnixNano: '1763716457000000123', asDouble: 7, attributes: [text('b', '2'), text('a', '1')] }
    expect(identity('metrics', [text('version', '1.2'), ...target], gauge(later))).toBe(base)
  })

  it('knows points of every kind', () => {
    const kinds = [
      { name: 'a', sum: { dataPoints: [point, { ...point, attributes: [] }], aggregationTemporality: 2 } },
      {
        name: 'a',
        histogram: { dataPoints: [{ ...point, asDouble: undefined, count: '1', bucketCounts: ['1'] }], aggregationTemporality: 2 },
      },
      {
        name: 'a',
        exponentialHistogram: { dataPoints: [{ ...point, asDouble: undefined, count: '1', scale: 1 }], aggregationTemporality: 2 },
      },
      { name: 'a', summary: { dataPoints: [{ ...point, asDouble: undefined, count: '1' }] } },
    ]
    const found = kinds.map((one) => all('metrics', encode('metrics', cart, one)))
    expect(found.map(({ length }) => length)).toEqual([2, 1, 1, 1])
    // One series has one identity, whatever its points are made of.
    expect(new Set(found.map(([first]) => first)).size).toBe(1)
  })

  it('gives the time, and whose it is', () => {
    const seen: (readonly [number, number])[] = []
    const take = (_low: number, _high: number, timeMs: number, service: number): void => void seen.push([timeMs, service])
    eachIdentity('traces', encode('traces', cart, span), take)
    eachIdentity('traces', encode('traces', [], { ...span, startTimeUnixNano: undefined }), take)
    expect(seen).toEqual([
      [1763716447000, serviceHash('cart')],
      [Number.NaN, 0],
    ])
  })

  it('makes the same of the same in every version: files of bridges hold it', () => {
    expect([
      identityVersion,
      identity('traces', cart, span),
      identity('logs', cart, record),
      identity('metrics', cart, gauge(point)),
    ]).toMatchInlineSnapshot(`
      [
        1,
        "6b76979 759207c0",
        "1184a89d e276a3ae",
        "cf9ec7cb 679ae36c",
      ]
    `)
  })

  it('is the same for a document as it is shipped and as Elasticsearch gives it back', async () => {
    const source = {
      '@timestamp': '2026-11-21T09:14:07.123Z',
      message: 'GET / 200',
      host: { name: 'web-1' },
      service: { name: 'cart' },
      log: { level: 'info', file: { path: '/var/log/x.log' } },
    }
    const made = async (format: FileFormat, body: string) => {
      const { data, items } = (await createFileTranslator(format, translateConfig.parse({})))(Buffer.from(body), 0)
      expect(items).toBe(1)
      return all('logs', data)
    }
    const live = await made('es-bulk', `{"create":{"_index":"filebeat-7"}}\n${JSON.stringify(source)}\n`)
    expect(await made('es-docs', JSON.stringify({ _index: 'filebeat-7', _id: 'abc', _source: source }))).toEqual(live)
  })
})
