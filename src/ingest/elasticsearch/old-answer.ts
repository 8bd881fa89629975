/** What the old Elasticsearch said about each action of a bulk request: read for the new side, and passed on to the client as it came. Rows 6 to 9 of 1.7. */

import type { ServerResponse } from 'node:http'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import type { LegacyAnswer } from '../mirror-door.ts'

/** Which actions the old side took. `unknown`: it does not say; all are taken to be. C-M21 */
export type Verdict =
  | { readonly how: 'all' }
  | { readonly how: 'unknown' }
  /** Status of each action, in order. */
  | { readonly how: 'each'; readonly statuses: readonly number[] }

/** A longer answer is not read. Of a million actions without ids there are some 170 MB; of 8 MiB of bodies rarely one. */
const mostRead = 32 * 1024 * 1024

const inflaters: Readonly<Record<string, (body: Uint8Array, options: { maxOutputLength: number }) => Uint8Array>> = {
  gzip: gunzipSync,
  'x-gzip': gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
  zstd: zstdDecompressSync,
}

const headerOf = (headers: readonly string[], name: string): string | undefined => {
  for (let at = 0; at + 1 < headers.length; at += 2) if (headers[at]?.toLowerCase() === name) return headers[at + 1]
  return undefined
}

/** The body as text; undefined when it cannot be had. */
function textOf({ headers, body }: LegacyAnswer): string | undefined {
  const encoding = headerOf(headers, 'content-encoding')?.trim().toLowerCase() ?? 'identity'
  try {
    if (encoding === 'identity') return body.length > mostRead ? undefined : Buffer.from(body).toString()
    return Buffer.from(inflaters[encoding]?.(body, { maxOutputLength: mostRead }) ?? []).toString()
  } catch {
    return undefined
  }
}

/** Elasticsearch writes `errors` before the items: most answers need not be read further. */
const noErrors = /^\s*\{\s*(?:"took"\s*:\s*\d+\s*,\s*)?(?:"ingest_took"\s*:\s*\d+\s*,\s*)?"errors"\s*:\s*false\b/

const statusOf = (item: unknown): number | undefined => {
  if (typeof item !== 'object' || item === null) return undefined
  const [result] = Object.values(item) as { readonly status?: unknown }[]
  return typeof result?.status === 'number' ? result.status : undefined
}

/** Reads the body of a 2xx answer. @param actions of the request */
export function readVerdict(answer: LegacyAnswer, actions: number): Verdict {
  const text = textOf(answer)
  if (text === undefined) return { how: 'unknown' }
  if (noErrors.test(text.slice(0, 256))) return { how: 'all' }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { how: 'unknown' }
  }
  if (typeof value !== 'object' || value === null) return { how: 'unknown' }
  const { errors, items } = value as { readonly errors?: unknown; readonly items?: unknown }
  if (errors === false) return { how: 'all' }
  // Fewer items than actions: those that were asked for alone, and nobody knows which.
  if (!Array.isArray(items) || items.length !== actions) return { how: 'unknown' }
  const statuses: number[] = []
  for (const item of items) {
    const status = statusOf(item)
    if (status === undefined) return { how: 'unknown' }
    statuses.push(status)
  }
  return { how: 'each', statuses }
}

/** Whether the old side has the document: it took it, or had it before. */
export const isTaken = (status: number): boolean => (status >= 200 && status < 300) || status === 409

/** Ours to say, whatever the old side did about the length of its answer. */
const ownHeaders: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'keep-alive'])

/** Gives the client the old side's answer: status, headers and bytes as they came. */
export function passAnswer(response: ServerResponse, { status, headers, body }: LegacyAnswer): void {
  if (response.headersSent || response.destroyed) return
  const passed: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string
    if (!ownHeaders.has(name.toLowerCase())) passed.push(name, headers[at + 1] as string)
  }
  const hasBody = status !== 204 && status !== 304
  if (hasBody) passed.push('content-length', String(body.length))
  response.writeHead(status, passed)
  response.end(hasBody ? body : undefined)
}
