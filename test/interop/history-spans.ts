/** A small history in Zipkin's JSON, and spans made comparable: the same whichever store they went through. */

import type { TranslatedPage } from '../../src/backfill/model.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToJson } from '../../src/otlp/encode/json.ts'
import { otlpSpans } from '../../src/read/otlp-json.ts'
import { sourceDeps } from '../backfill/support/source-deps.ts'

/** Ids that use all 64 bits, the same ones each time. */
export function createIds(): () => string {
  let seed = 7n
  return () => {
    seed = (seed * 6_364_136_223_846_793_005n + 1_442_695_040_888_963_407n) & (2n ** 64n - 1n)
    return (seed | 1n).toString(16).padStart(16, '0')
  }
}

const kinds = ['CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'] as const

export type ZipkinJson = Readonly<Record<string, unknown>>

/** Traces of four spans and of a shared half; 64 and 128 bits. @param startMicros of the first */
export function zipkinHistory(traces: number, startMicros: number): readonly ZipkinJson[] {
  const id = createIds()
  return Array.from({ length: traces }, (_, n) => {
    const traceId = n % 3 === 0 ? id() : id() + id()
    let parentId: string | undefined
    return kinds.flatMap((kind, at) => {
      const own = id()
      const timestamp = startMicros + n * 7_000_000 + at * 1000
      const span = {
        traceId,
        id: own,
        ...(parentId === undefined ? {} : { parentId }),
        name: `op ${at}`,
        kind,
        timestamp,
        duration: 1000 + at,
        localEndpoint: { serviceName: `shop-${at}`, ipv4: `10.0.0.${at + 1}`, port: 50_000 + at },
        remoteEndpoint: { serviceName: 'peer', ipv6: `2001:db8::${at + 1}` },
        annotations: [{ timestamp: timestamp + 3, value: 'note "ü"' }],
        tags: { 'a.b': '1 ü', 'http.path': `/${n}` },
        ...(n % 7 === 0 ? { debug: true } : {}),
      }
      parentId = own
      if (at > 0) return [span]
      const server = { serviceName: 'store', ipv4: '10.1.1.1' }
      const { remoteEndpoint: _, annotations: __, ...half } = span
      return [
        span,
        {
          ...half,
          kind: 'SERVER',
          shared: true,
          timestamp: timestamp + 100,
          duration: 800,
          localEndpoint: server,
          tags: { side: 'server' },
        },
      ]
    })
  }).flat()
}

/** Sends it in requests of 500. */
export async function sendZipkin(url: string, spans: readonly ZipkinJson[]): Promise<void> {
  for (let at = 0; at < spans.length; at += 500) {
    const body = JSON.stringify(spans.slice(at, at + 500))
    const answer = await fetch(`${url}/api/v2/spans`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    if (!answer.ok) throw new Error(`cannot send spans: ${answer.status}`)
  }
}

const sorted = (attributes: unknown): unknown =>
  (Array.isArray(attributes) ? [...attributes] : []).sort((a: { key: string }, b: { key: string }) => (a.key < b.key ? -1 : 1))

/** Spans of requests, as text that is equal for equal ones, sorted. */
export function comparable(requests: readonly Uint8Array[]): readonly string[] {
  return requests
    .flatMap((data) => [...otlpSpans(JSON.parse(tracesToJson(decodeTraces(data))))])
    .map(({ span, resource }) =>
      JSON.stringify({
        ...span,
        attributes: sorted(span['attributes']),
        resource: sorted((resource as { attributes?: unknown } | undefined)?.attributes),
      }),
    )
    .sort()
}

export const comparablePages = (pages: readonly TranslatedPage[]): readonly string[] =>
  comparable(pages.flatMap(({ requests }) => requests.map(({ data }) => data)))

/** What the live endpoint makes of the same spans. */
export async function liveSpans(spans: readonly ZipkinJson[]): Promise<readonly string[]> {
  const translate = await sourceDeps().translator('zipkin-json')
  return comparable([translate(Buffer.from(JSON.stringify(spans)), 0).data])
}
