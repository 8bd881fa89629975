/** Who sent a request: for the list of clients, and for whoever looks at requests. */

import type { IncomingMessage } from 'node:http'
import type { Client } from '../../otlp/intake.ts'
import type { DocumentPart } from '../documents.ts'
import { pathOf } from '../exchange.ts'
import type { Observer } from '../observe.ts'
import { formatName } from './bulk-books.ts'

const endpoint = 'elasticsearch'

/** Headers that name a library beside its User-Agent. */
const hintNames = ['x-elastic-client-meta', 'x-opaque-id'] as const

/** `::ffff:10.0.0.1` → `10.0.0.1`: both are one sender. */
export const addressOf = ({ socket }: IncomingMessage): string => {
  const address = socket.remoteAddress ?? ''
  return address.startsWith('::ffff:') ? address.slice(7) : address
}

/** The sender of a request. */
export function senderOf(request: IncomingMessage): Client {
  const { headers } = request
  let hints: Record<string, string> | undefined
  for (const name of hintNames) {
    const value = headers[name]
    if (typeof value !== 'string') continue
    hints ??= {}
    hints[name] = value
  }
  return { address: addressOf(request), userAgent: headers['user-agent'], hints }
}

/** Shows a piece of a body to whoever looks, before its parts go on. @param refused items of it that were not taken */
export function showPiece(
  observer: Observer | undefined,
  request: IncomingMessage,
  client: Client,
  nowMs: () => number,
  body: Uint8Array,
  parts: readonly DocumentPart[],
  refused: number,
): void {
  if (observer === undefined || !observer.wants(endpoint)) return
  const [first] = parts
  const method = request.method ?? ''
  observer.see({
    endpoint,
    format: formatName,
    signal: first?.signal ?? 'logs',
    atMs: nowMs(),
    client,
    request: `${method} ${pathOf(request.url ?? '/')}`,
    headers: request.rawHeaders,
    body,
    otlp: first?.data ?? noBytes,
    items: first?.items ?? 0,
    refused: refused === 0 ? undefined : `${refused} items were refused`,
  })
}

const noBytes = new Uint8Array(0)
