/** An OTLP endpoint that confirms everything and remembers the names of the spans. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { officialDecode } from '../../support/official-otlp.ts'

export interface Sink {
  /** For `emit.endpoint`. */
  readonly url: string
  /** How often a span of each name arrived. */
  readonly names: Map<string, number>
  /** Spans in all. */
  count(): number
  /** Bodies that the official messages could not decode. */
  readonly faults: string[]
  close(): Promise<void>
}

interface Decoded {
  readonly resourceSpans?: readonly { readonly scopeSpans?: readonly { readonly spans?: readonly { readonly name?: string }[] }[] }[]
}

/** Starts it on a free port of 127.0.0.1. */
export async function startSink(): Promise<Sink> {
  const names = new Map<string, number>()
  const faults: string[] = []
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      try {
        const { resourceSpans = [] } = officialDecode(Buffer.concat(parts)) as Decoded
        for (const { scopeSpans = [] } of resourceSpans) {
          for (const { spans = [] } of scopeSpans) for (const { name = '' } of spans) names.set(name, (names.get(name) ?? 0) + 1)
        }
      } catch (error) {
        faults.push(String(error))
      }
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    names,
    count: () => [...names.values()].reduce((sum, one) => sum + one, 0),
    faults,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
