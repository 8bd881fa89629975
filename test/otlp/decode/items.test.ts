import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { eachItem, type Item } from '../../../src/otlp/decode/items.ts'
import type { Signal } from '../../../src/otlp/intake.ts'
import { requestToJson } from '../../../src/otlp/json/to-json.ts'
import { jsonToRequest } from '../../../src/otlp/json/to-proto.ts'

const fixtures = fileURLToPath(new URL('../../../fixtures', import.meta.url))

const requestOf = (name: string, signal: Signal): Uint8Array => jsonToRequest(signal, readFileSync(join(fixtures, name, 'out.json')), 64)

const itemsOf = (signal: Signal, request: Uint8Array): Item[] => {
  const items: Item[] = []
  eachItem(signal, request, (item) => {
    items.push(item)
    return true
  })
  return items
}

const json = (signal: Signal, request: Uint8Array) => JSON.parse(Buffer.from(requestToJson(signal, request)).toString())

describe('eachItem', () => {
  it('finds spans with service, ids and start, and cuts each out as a request of its own', () => {
    const request = requestOf('jaeger/jaeger-client-go-2.30-http', 'traces')
    const [item, ...others] = itemsOf('traces', request) as [Item]
    expect(others).toEqual([])
    expect([item.key, item.id()]).toEqual(['go-jaeger', '00000000000000006c2b461d7d734458/6c2b461d7d734458'])
    const { resourceSpans } = json('traces', request)
    expect(item.atMs).toBe(Math.floor(Number(resourceSpans[0].scopeSpans[0].spans[0].startTimeUnixNano) / 1e6))
    expect(json('traces', item.cut())).toEqual(json('traces', request))
  })

  it('writes series as PromQL does', () => {
    const request = requestOf('prometheus/prometheus-2.42', 'metrics')
    const items = itemsOf('metrics', request)
    const { resourceMetrics } = json('metrics', request)
    const metrics = resourceMetrics.flatMap((one: { scopeMetrics: { metrics: object[] }[] }) =>
      one.scopeMetrics.flatMap((scope) => scope.metrics),
    )
    expect(items).toHaveLength(metrics.length)
    expect(items[0]?.id()).toBe('node_boot_time_seconds{cluster="capture"}')
    expect(items.map((item) => json('metrics', item.cut()).resourceMetrics[0].scopeMetrics[0].metrics[0])).toEqual(metrics)
  })

  it('knows records by index', () => {
    const request = requestOf('elasticsearch/filebeat-7.17', 'logs')
    const items = itemsOf('logs', request)
    expect(items.map(({ key }) => key)).toEqual(new Array(5).fill('filebeat-cap'))
    expect(items[0]?.id()).toMatch(/^1795261626818-[0-9a-f]+$/)
    expect(new Set(items.map((item) => item.id())).size).toBe(5)
  })

  it('stops when it is told to', () => {
    let seen = 0
    eachItem('logs', requestOf('elasticsearch/filebeat-7.17', 'logs'), () => ++seen < 2)
    expect(seen).toBe(2)
  })

  it('cuts every recorded request into what it was made of', () => {
    for (const [format, signal, group, scope, name] of [
      ['zipkin', 'traces', 'resourceSpans', 'scopeSpans', 'spans'],
      ['jaeger', 'traces', 'resourceSpans', 'scopeSpans', 'spans'],
    ] as const) {
      for (const one of readdirSync(join(fixtures, format))) {
        const request = requestOf(`${format}/${one}`, signal)
        const whole = json(signal, request)
        const flat = (whole[group] ?? []).flatMap((r: Record<string, unknown>) =>
          (r[scope] as Record<string, unknown>[]).flatMap((s) =>
            (s[name] as unknown[]).map((item) => ({ resource: r['resource'], scope: s['scope'], item })),
          ),
        )
        const cut = itemsOf(signal, request).map((item) => {
          const [r] = json(signal, item.cut())[group]
          return { resource: r.resource, scope: r[scope][0].scope, item: r[scope][0][name][0] }
        })
        expect(cut).toEqual(flat)
      }
    }
  })

  it('throws at what is none', () => {
    expect(() => itemsOf('traces', Uint8Array.of(0x0a, 0x7f))).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
  })
})
