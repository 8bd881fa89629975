/** Jaeger's query API: traces as they are served, made comparable. */

import { until } from './wait.ts'

interface Tag {
  readonly key: string
  readonly type: string
  readonly value: unknown
}

interface ServedTrace {
  readonly spans: readonly {
    readonly traceID: string
    readonly spanID: string
    readonly operationName: string
    readonly references: readonly unknown[]
    readonly startTime: number
    readonly duration: number
    readonly tags: readonly Tag[]
    readonly logs: readonly { readonly timestamp: number; readonly fields: readonly Tag[] }[]
    readonly processID: string
    readonly warnings: readonly string[] | null
  }[]
  readonly processes: Readonly<Record<string, { readonly serviceName: string; readonly tags: readonly Tag[] }>>
}

/** Tags as `type:value` by key, since their order means nothing. */
export type Tags = Readonly<Record<string, string>>

/** A span with its process in it. */
export interface ServedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly name: string
  readonly references: readonly unknown[]
  readonly startMicros: number
  readonly durationMicros: number
  readonly tags: Tags
  readonly logs: readonly { readonly timeMicros: number; readonly fields: Tags }[]
  readonly service: string
  readonly process: Tags
  readonly warnings: readonly string[]
}

const byKey = (tags: readonly Tag[]): Tags => {
  const found: Record<string, string> = {}
  for (const { key, type, value } of tags) {
    if (key in found) throw new Error(`cannot compare tags: key ${key} comes twice`)
    found[key] = `${type}:${String(value)}`
  }
  return found
}

const flatten = ({ spans, processes }: ServedTrace): ServedSpan[] =>
  spans.map((span) => {
    const process = processes[span.processID]
    return {
      traceId: span.traceID,
      spanId: span.spanID,
      name: span.operationName,
      references: span.references,
      startMicros: span.startTime,
      durationMicros: span.duration,
      tags: byKey(span.tags),
      logs: span.logs.map(({ timestamp, fields }) => ({ timeMicros: timestamp, fields: byKey(fields) })),
      service: process?.serviceName ?? '',
      process: byKey(process?.tags ?? []),
      warnings: span.warnings ?? [],
    }
  })

/** The spans of one trace, sorted by id; waits until Jaeger has it. */
export async function servedTrace(queryPort: number, traceId: string): Promise<ServedSpan[]> {
  return until(`trace ${traceId} in Jaeger`, async () => {
    const reply = await fetch(`http://127.0.0.1:${queryPort}/api/traces/${traceId}`)
    if (!reply.ok) return undefined
    const { data } = (await reply.json()) as { data: readonly ServedTrace[] }
    const spans = data.flatMap(flatten)
    return spans.length === 0 ? undefined : spans.sort((a, b) => (a.spanId < b.spanId ? -1 : 1))
  })
}
