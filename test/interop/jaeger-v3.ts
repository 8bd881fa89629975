/** Jaeger's query API in its third version, which gives stored spans as OTLP/JSON: every field of a span as text under a path. */

import { until } from './wait.ts'

/**
 * The fields of a span, those of its resource and scope among them, by path: `kind`, `attributes[http.url]`, `resource[host.name]`,
 * `events[0].name`, `links[1].attributes[opentracing.ref_type]`. Attributes are `type:value`. What has its default (kind 0, empty text)
 * is not there; the order of attributes means nothing and is lost, that of events and links is kept.
 */
export type Fields = ReadonlyMap<string, string>

type Json = Readonly<Record<string, unknown>>

const list = (value: unknown): readonly Json[] => (Array.isArray(value) ? (value as readonly Json[]) : [])

const textOf = (value: unknown): string => {
  const [[type, inner] = ['empty', '']] = Object.entries((value ?? {}) as Json)
  if (type === 'arrayValue')
    return `array:[${list((inner as Json)['values'])
      .map(textOf)
      .join(', ')}]`
  if (type === 'kvlistValue') return `map:${JSON.stringify(inner)}`
  return `${type.replace('Value', '')}:${String(inner)}`
}

const put = (fields: Map<string, string>, path: string, value: unknown): void => {
  if (value === undefined || value === '' || value === 0 || value === '0') return
  fields.set(path, String(value))
}

const putAttributes = (fields: Map<string, string>, path: string, attributes: unknown): void => {
  for (const { key, value } of list(attributes)) {
    const at = `${path}[${String(key)}]`
    if (fields.has(at)) throw new Error(`cannot compare spans: ${at} comes twice`)
    fields.set(at, textOf(value))
  }
}

/** Names of simple fields, in OTLP/JSON and in a path. */
const simple = {
  traceId: 'traceId',
  spanId: 'spanId',
  parentSpanId: 'parentSpanId',
  traceState: 'traceState',
  flags: 'flags',
  name: 'name',
  kind: 'kind',
  startTimeUnixNano: 'start',
  endTimeUnixNano: 'end',
  timeUnixNano: 'time',
  droppedAttributesCount: 'droppedAttributes',
  droppedEventsCount: 'droppedEvents',
  droppedLinksCount: 'droppedLinks',
} as const

const putMessage = (fields: Map<string, string>, prefix: string, message: Json): void => {
  for (const [name, value] of Object.entries(message)) {
    if (name === 'attributes') putAttributes(fields, `${prefix}attributes`, value)
    else if (name === 'events' || name === 'links') {
      for (const [index, one] of list(value).entries()) putMessage(fields, `${name}[${index}].`, one)
    } else if (name === 'status') {
      put(fields, 'status.code', (value as Json)['code'])
      put(fields, 'status.message', (value as Json)['message'])
    } else if (name in simple) put(fields, prefix + simple[name as keyof typeof simple], value)
    else throw new Error(`cannot compare spans: no such field is known: ${prefix}${name}`)
  }
}

const flatten = (traces: Json): Fields[] =>
  list(traces['resourceSpans']).flatMap((resourceSpans) =>
    list(resourceSpans['scopeSpans']).flatMap((scopeSpans) =>
      list(scopeSpans['spans']).map((span) => {
        const fields = new Map<string, string>()
        const resource = (resourceSpans['resource'] ?? {}) as Json
        const scope = (scopeSpans['scope'] ?? {}) as Json
        putAttributes(fields, 'resource', resource['attributes'])
        put(fields, 'resource.droppedAttributes', resource['droppedAttributesCount'])
        put(fields, 'resource.schemaUrl', resourceSpans['schemaUrl'])
        put(fields, 'scope.name', scope['name'])
        put(fields, 'scope.version', scope['version'])
        putAttributes(fields, 'scope', scope['attributes'])
        put(fields, 'scope.schemaUrl', scopeSpans['schemaUrl'])
        putMessage(fields, '', span)
        return fields
      }),
    ),
  )

/** One text per distinct span. */
export const identity = (fields: Fields): string => JSON.stringify([...fields].sort(([a], [b]) => (a < b ? -1 : 1)))

/** The spans of a trace as they are stored (no clock-skew repair, no merging of duplicates); none when the trace is not known. */
export async function storedSpans(queryPort: number, traceId: string): Promise<Fields[]> {
  const reply = await fetch(`http://127.0.0.1:${queryPort}/api/v3/traces/${traceId}?raw_traces=true`)
  const text = await reply.text()
  if (reply.status === 404) return []
  if (!reply.ok) throw new Error(`cannot read trace ${traceId}: HTTP ${reply.status} ${text}`)
  // Traces too large for one piece come as several objects, one a line.
  const pieces = text.split('\n').filter((line) => line !== '')
  return pieces.flatMap((piece) => flatten(((JSON.parse(piece) as Json)['result'] ?? {}) as Json))
}

/**
 * The spans of these traces, once as many as `count` are there and reading again gives the same; what there is when the time has run out,
 * for the comparison to complain about.
 */
export async function settledSpans(queryPort: number, traceIds: readonly string[], count: number, timeoutMs = 4000): Promise<Fields[]> {
  const read = async (): Promise<Fields[]> => (await Promise.all(traceIds.map((id) => storedSpans(queryPort, id)))).flat()
  let last: Fields[] = []
  try {
    await until(
      'spans in Jaeger',
      async () => {
        const before = last.length
        last = await read()
        return last.length >= count && last.length === before ? true : undefined
      },
      timeoutMs,
    )
  } catch (error) {
    // Too few is for the comparison to judge; not being able to read is not.
    if (error instanceof Error && error.cause !== undefined) throw error
  }
  return last
}
