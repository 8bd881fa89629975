import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Signal } from '../../src/otlp/intake.ts'
import { type Keeps, portionOf } from '../../src/otlp/portion.ts'
import { arbitraryRequest } from '../support/arbitrary-otlp.ts'
import { officialEncode } from '../support/official-otlp.ts'
import { officialItems, officialPoints, officialRequest } from '../support/official-requests.ts'

const all: Keeps = { trace: () => true, text: () => true, metrics: 'target' }
const none: Keeps = { trace: () => false, text: () => false, metrics: 'family' }
const other = (keeps: Keeps): Keeps => ({
  trace: (hi, lo) => !keeps.trace(hi, lo),
  text: (key) => !keeps.text(key),
  metrics: keeps.metrics,
})

const counts = (signal: Signal, bytes: Uint8Array): number =>
  officialItems(signal, bytes).reduce((sum, item) => sum + (signal === 'metrics' ? officialPoints(signal, item) : 1), 0)

const attributes = (record: Record<string, string>): object[] =>
  Object.entries(record).map(([key, stringValue]) => ({ key, value: { stringValue } }))

describe('portionOf', () => {
  it.each(['traces', 'metrics', 'logs'] as const)('puts every item of %s into a part or its opposite, each as it was', (signal) => {
    fc.assert(
      fc.property(arbitraryRequest(signal), fc.integer({ min: 1, max: 7 }), fc.constantFrom('target', 'family'), (plain, by, metrics) => {
        const request = officialEncode(plain, signal)
        // Whole lists may be empty, and ids need not have 16 bytes: then they stay.
        const keeps: Keeps = { trace: (hi, lo) => (hi ^ lo) % by === 0, text: (key) => key.length % by === 0, metrics }
        const left = portionOf(signal, request, keeps)
        const right = portionOf(signal, request, other(keeps))
        expect(left.items).toBe(counts(signal, left.data))
        expect(left.items + left.skipped).toBe(counts(signal, request))
        if (signal === 'traces') return
        expect(left.skipped).toBe(right.items)
        const text = (bytes: Uint8Array): string[] => officialItems(signal, bytes).map((one) => JSON.stringify(one))
        // A metric without points counts for nothing, and stays with its neighbours.
        const points = (bytes: Uint8Array): string[] => (signal === 'metrics' ? [] : text(bytes))
        expect([...points(left.data), ...points(right.data)].toSorted()).toEqual(points(request).toSorted())
      }),
    )
  })

  it.each(['traces', 'metrics', 'logs'] as const)(
    'gives the request itself when all of %s stays, and nothing when nothing does',
    (signal) => {
      fc.assert(
        fc.property(arbitraryRequest(signal), (plain) => {
          const request = officialEncode(plain, signal)
          expect(portionOf(signal, request, all).data).toBe(request)
          const gone = portionOf(signal, request, none)
          expect(gone.items + gone.skipped).toBe(counts(signal, request))
        }),
      )
    },
  )

  it('asks for the low 8 bytes of the trace id, and keeps a trace whole', () => {
    const ids = ['00112233445566778899aabbccddeeff', '000000000000000000000000000000ff']
    const spans = [0, 1, 0, 1].map((at, n) => ({ traceId: Buffer.from(ids[at] as string, 'hex'), name: `${at} ${n}` }))
    const request = officialRequest('traces', [{ resource: { attributes: [] }, scopes: [{ items: spans }] }])
    const asked: string[] = []
    const keeps: Keeps = {
      ...none,
      trace(hi, lo) {
        asked.push(`${hi.toString(16)} ${lo.toString(16)}`)
        return hi === 0
      },
    }
    const { data, items, skipped } = portionOf('traces', request, keeps)
    expect(asked.slice(0, 2)).toEqual(['8899aabb ccddeeff', '0 ff'])
    expect({ items, skipped }).toEqual({ items: 2, skipped: 2 })
    expect(officialItems('traces', data).map(({ item }) => (item as { name: string }).name)).toEqual(['1 1', '1 3'])
  })

  const keysAsked = (signal: Signal, request: Uint8Array, metrics: Keeps['metrics']): string[] => {
    const asked: string[] = []
    const keeps: Keeps = {
      trace: () => true,
      text(key) {
        asked.push(key)
        return true
      },
      metrics,
    }
    portionOf(signal, request, keeps)
    return asked
  }

  it('asks for the target of a resource with metrics, or for the family of each', () => {
    const gauge = { dataPoints: [{ asDouble: 1 }] }
    const request = officialRequest('metrics', [
      {
        resource: { attributes: attributes({ 'service.instance.id': 'a:9100', 'service.name': 'node', other: 'x' }) },
        scopes: [{ items: ['rpc_bucket', 'rpc_count', 'up'].map((name) => ({ name, gauge })) }],
      },
    ])
    expect(keysAsked('metrics', request, 'target')).toEqual(['\nnode\na:9100'])
    expect(keysAsked('metrics', request, 'family')).toEqual(['rpc', 'rpc', 'up'])
  })

  it('asks for the index and the host of a log record', () => {
    const request = officialRequest('logs', [
      {
        resource: { attributes: attributes({ 'service.name': 'cart', 'host.name': 'web-1' }) },
        scopes: [{ items: [{ attributes: attributes({ 'elasticsearch.index': 'logs-app' }) }, {}] }],
      },
    ])
    expect(keysAsked('logs', request, 'target')).toEqual(['logs-app\nweb-1', '\nweb-1'])
  })
})
