/** What a file holds, by its first significant bytes (mapping/backfill.md 2.11); names say nothing. */

import { eachMember, endOfValue, skipSpace } from '../../../ingest/elasticsearch/object-members.ts'
import type { Signal } from '../../../otlp/intake.ts'
import { otlpSignalOf } from './otlp-signal.ts'

/**
 * What is read of files. `es-docs`: hits or documents, one a line; `es-hits`: the answer of a search; `otlp`: JSON, a request a line; `otlp-<signal>`: requests
 * in protobuf, each behind its length, as `--to-file` writes them.
 */
export const fileKinds = [
  'jaeger',
  'jaeger-es',
  'zipkin',
  'es-docs',
  'es-hits',
  'es-bulk',
  'otlp',
  'otlp-traces',
  'otlp-metrics',
  'otlp-logs',
  'remote-write',
  'openmetrics',
] as const

export type FileKind = (typeof fileKinds)[number]

/** Signal of a kind that holds requests in protobuf; undefined for all others. */
export const protoSignalOf = (kind: FileKind): Signal | undefined =>
  kind === 'otlp-traces' ? 'traces' : kind === 'otlp-metrics' ? 'metrics' : kind === 'otlp-logs' ? 'logs' : undefined

const names = (bytes: Uint8Array, start: number, end: number): Map<string, readonly [number, number]> => {
  const found = new Map<string, readonly [number, number]>()
  eachMember(bytes, start, end, (name, from, to) => void found.set(name, [from, to]))
  return found
}

const has = (all: ReadonlyMap<string, unknown>, ...some: readonly string[]): boolean => some.some((name) => all.has(name))

/** By the members of the first object, as far as they are in what was looked at. */
function ofObject(bytes: Uint8Array, start: number, end: number, isListed: boolean): FileKind | undefined {
  const members = names(bytes, start, end)
  if (has(members, 'resourceSpans', 'resourceLogs', 'resourceMetrics')) return 'otlp'
  if (members.has('_source')) return 'es-docs'
  if (members.has('hits') && !isListed) return 'es-hits'
  // A span document of Jaeger's index is flat; a trace of its UI has its spans and processes.
  if (has(members, 'data', 'spans', 'processes') && !has(members, '@timestamp')) return 'jaeger'
  if (members.has('traceID')) return members.has('process') ? 'jaeger-es' : 'jaeger'
  if (has(members, 'traceId') && has(members, 'localEndpoint', 'kind', 'annotations', 'binaryAnnotations', 'id')) return 'zipkin'
  const [action] = members.keys()
  if (members.size === 1 && action !== undefined && /^(?:index|create|update|delete)$/.test(action)) return 'es-bulk'
  return members.size > 0 && !isListed ? 'es-docs' : undefined
}

/** Undefined: none that is known. @param head the first bytes of the content */
export function kindOf(head: Uint8Array): FileKind | undefined {
  const mark = head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf ? 3 : 0
  let at = skipSpace(head, mark, head.length)
  if (head[at] === 0x23 && /^# (?:HELP|TYPE|UNIT|EOF)\b/.test(Buffer.from(head.subarray(at, at + 8)).toString('latin1')))
    return 'openmetrics'
  let depth = 0
  while (head[at] === 0x5b && depth < 3) {
    depth++
    at = skipSpace(head, at + 1, head.length)
  }
  if (head[at] === 0x7b) return ofObject(head, at, endOfValue(head, at, head.length), depth > 0)
  if (depth > 0 && head[at] === 0x5d) return 'zipkin'
  if (head.length >= 8 && depth === 0) {
    const length = Buffer.from(head.buffer, head.byteOffset, 4).readUInt32BE(0)
    if (length > 0 && length < 64 * 1024 * 1024 && (head[at] as number) < 0x20) {
      const signal = otlpSignalOf(head.subarray(4, 4 + length))
      return signal === undefined ? 'remote-write' : `otlp-${signal}`
    }
  }
  return undefined
}
