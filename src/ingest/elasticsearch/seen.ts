/** Shows requests to whoever looks at some of them. */

import type { IncomingMessage } from 'node:http'
import type { Client } from '../../otlp/intake.ts'
import type { DocumentPart } from '../documents.ts'
import { pathOf } from '../exchange.ts'
import type { Observer } from '../observe.ts'
import { formatName } from './bulk-books.ts'

const endpoint = 'elasticsearch'

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
