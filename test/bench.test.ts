/** The benches' own payloads and stages: that they still hold together. What they measure is not looked at. */

import { describe, expect, it } from 'vitest'
import { formats, seededBodies, spansOf } from '../bench/bodies.ts'
import { createCases, stagesOf } from '../bench/cases.ts'
import { createDocumentCases, documentCaseNames } from '../bench/documents.ts'
import { createPointCases, pointCaseNames } from '../bench/points.ts'
import { selfTimes } from '../bench/profile.ts'
import { createRequests, mixes, requestSizes, seriesOf } from '../bench/write-fleet.ts'
import { defaultWriteLimits } from '../src/ingest/prometheus/decode-limits.ts'
import { decodeWriteV1 } from '../src/ingest/prometheus/decode-v1.ts'
import { decodeWriteV2 } from '../src/ingest/prometheus/decode-v2.ts'
import { createSnappy } from '../src/ingest/prometheus/snappy.ts'
import { WriteRequest } from '../src/translate/prometheus/model.ts'

describe('createCases', () => {
  it.each(formats)('runs every stage of %s without losing a span', (format) => {
    const cases = createCases(format, seededBodies(format, 2))
    expect(cases.map((one) => one.name)).toEqual(stagesOf(format).map((stage) => `${stage}/${format}/${spansOf(format)}-spans`))
    for (const one of cases) for (let round = 0; round < 3; round++) one.run()
  })

  it('refuses a body that loses a span', () => {
    const body = Buffer.from('[{"traceId":"1","id":"2"},{"traceId":"1","id":"x"}]')
    expect(() => createCases('zipkin-json-v2', [body])).toThrow('1 of 2 spans were dropped')
  })
})

describe('createPointCases', () => {
  it('encodes points of every kind without losing one', () => {
    const cases = createPointCases()
    expect(cases.map((one) => one.name)).toEqual(pointCaseNames)
    for (const one of cases) for (let round = 0; round < 3; round++) one.run()
  })
})

describe('createDocumentCases', () => {
  it('translates documents without losing one, and parses them for comparison', () => {
    const cases = createDocumentCases()
    expect(cases.map((one) => one.name)).toEqual(documentCaseNames)
    for (const one of cases) for (let round = 0; round < 3; round++) one.run()
  })
})

describe('seededBodies', () => {
  it.each(formats)('makes the same bodies of %s every time, each another one', (format) => {
    const bodies = seededBodies(format, 2)
    expect(seededBodies(format, 2)).toEqual(bodies)
    expect(bodies[0]).not.toEqual(bodies[1])
  })

  it('keeps a datagram below what an agent takes', () => {
    for (const datagram of seededBodies('jaeger-thrift-compact', 4)) expect(datagram.length).toBeLessThan(65_000)
  })
})

describe('createRequests', () => {
  it.each(mixes)('makes series of the %s mix that differ, and requests of them in both versions', async (mix) => {
    const all = Array.from({ length: 3000 }, (_, number) => seriesOf(mix, number, 0))
    expect(new Set(all.map(({ labels }) => labels.join(' '))).size).toBe(all.length)
    for (const { labels } of all) {
      const names = labels.filter((_, at) => at % 2 === 0)
      expect(names).toEqual(names.toSorted())
    }
    const { uncompress } = await createSnappy({ maxBytes: 2 ** 24, limitKey: '' })
    const request = new WriteRequest()
    for (const version of [1, 2] as const) {
      const requests = createRequests(mix, version)
      const decode = version === 1 ? decodeWriteV1 : decodeWriteV2
      decode(uncompress(requests.samples(1000, 3000, 1, 1_795_000_000_000)), defaultWriteLimits, request)
      expect(request.seriesCount).toBe(2000)
      expect(request.sampleCount + request.histograms.length).toBe(2000)
    }
    decodeWriteV1(uncompress(createRequests(mix, 1).metadata()), defaultWriteLimits, request)
    expect(request.metadata.length).toBeGreaterThan(10)
  })
})

describe('requestSizes', () => {
  it('adds up to all series', () => {
    const sizes = requestSizes(100_000)
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100_000)
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2000)
  })
})

describe('selfTimes', () => {
  it('gives each sample the time until the next one, by function', () => {
    const frame = (functionName: string) => ({ functionName, scriptId: '1', url: '', lineNumber: 0, columnNumber: 0 })
    const nodes = ['a', 'b', 'a'].map((name, at) => ({ id: at + 1, callFrame: frame(name) }))
    const times = selfTimes({ nodes, startTime: 0, endTime: 60_000, samples: [1, 2, 3, 2], timeDeltas: [0, 10_000, 30_000, 20_000] })
    expect(times).toEqual([
      { name: 'a', place: '', ms: 30, share: 0.5 },
      { name: 'b', place: '', ms: 30, share: 0.5 },
    ])
  })
})
