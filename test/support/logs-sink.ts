/** An OTLP/HTTP endpoint for all signals, and the log records that came to it in the shape of the vectors of `_bulk` and Beats. */

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Signal } from '../../src/otlp/intake.ts'
import { requestToJson } from '../../src/otlp/json/to-json.ts'

type Json = Readonly<Record<string, unknown>>

/** One record, as `expected_logs` has it; what is absent there is at its default. */
export interface GoldenLog {
  readonly time_unix_nano: string
  readonly body: unknown
  readonly resource: Json
  readonly attributes: Json
  readonly [field: string]: unknown
}

export interface LogsSink {
  readonly url: string
  readonly bodies: readonly { readonly signal: Signal; readonly body: Buffer }[]
  /** All records: those of one resource and scope side by side, otherwise in the order in which they came. */
  logs(): GoldenLog[]
  close(): void
}

interface AnyValueJson {
  readonly stringValue?: string
  readonly boolValue?: boolean
  readonly intValue?: string
  readonly doubleValue?: number | string
  readonly bytesValue?: string
  readonly arrayValue?: { readonly values?: readonly AnyValueJson[] }
  readonly kvlistValue?: { readonly values?: readonly KeyValueJson[] }
}

interface KeyValueJson {
  readonly key: string
  readonly value?: AnyValueJson
}

/** A value as the vectors write it. */
export function goldenValue(value: AnyValueJson | undefined): unknown {
  if (value === undefined) return null
  if (value.stringValue !== undefined) return value.stringValue
  if (value.boolValue !== undefined) return value.boolValue
  if (value.intValue !== undefined) return { int: value.intValue }
  if (value.doubleValue !== undefined) return { double: Number(value.doubleValue) }
  if (value.bytesValue !== undefined) return { bytes: value.bytesValue }
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(goldenValue)
  if (value.kvlistValue !== undefined) return { kvlist: goldenAttributes(value.kvlistValue.values) }
  return null
}

function goldenAttributes(attributes: readonly KeyValueJson[] | undefined): Json {
  const all: Record<string, unknown> = {}
  for (const { key, value } of attributes ?? []) {
    if (key in all) throw new Error(`attribute ${key} comes twice`)
    all[key] = goldenValue(value)
  }
  return all
}

interface ResourceLogsJson {
  readonly resource?: { readonly attributes?: readonly KeyValueJson[] }
  readonly scopeLogs?: readonly {
    readonly scope?: { readonly name?: string; readonly version?: string }
    readonly logRecords?: readonly Json[]
  }[]
}

/** The records of a request. */
export function goldenLogs(body: Uint8Array): GoldenLog[] {
  const { resourceLogs = [] } = JSON.parse(Buffer.from(requestToJson('logs', body)).toString()) as { resourceLogs?: ResourceLogsJson[] }
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) =>
      logRecords.map((record) => {
        const log: Record<string, unknown> & GoldenLog = {
          time_unix_nano: (record['timeUnixNano'] as string | undefined) ?? '0',
          body: goldenValue(record['body'] as AnyValueJson | undefined),
          resource: goldenAttributes(resource?.attributes),
          attributes: goldenAttributes(record['attributes'] as KeyValueJson[] | undefined),
          observed: (record['observedTimeUnixNano'] ?? '0') === '0' ? 'none' : 'set',
        }
        const put = (name: string, value: unknown): void => {
          if (value !== undefined && value !== '' && value !== 0) log[name] = value
        }
        put('severity_number', record['severityNumber'])
        put('severity_text', record['severityText'])
        put('trace_id', record['traceId'])
        put('span_id', record['spanId'])
        put('flags', record['flags'])
        put('event_name', record['eventName'])
        if (scope?.name !== undefined && scope.name !== '') log['scope'] = { name: scope.name }
        return log
      }),
    ),
  )
}

const keyOf = ({ resource, scope }: GoldenLog): string => JSON.stringify([resource, scope ?? null])

/** Records of one resource and scope side by side, as they are in OTLP, in the order in which each of them came first. */
export function grouped(logs: readonly GoldenLog[]): GoldenLog[] {
  const groups = new Map<string, GoldenLog[]>()
  for (const log of logs) {
    const group = groups.get(keyOf(log))
    if (group === undefined) groups.set(keyOf(log), [log])
    else group.push(log)
  }
  return [...groups.values()].flat()
}

/** Starts the endpoint on any free port. */
export async function startLogsSink(): Promise<LogsSink> {
  const bodies: { signal: Signal; body: Buffer }[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      bodies.push({ signal: (request.url ?? '').replace('/v1/', '') as Signal, body: Buffer.concat(pieces) })
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    logs: () => grouped(bodies.filter(({ signal }) => signal === 'logs').flatMap(({ body }) => goldenLogs(body))),
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
