/** The official OTLP messages as protobufjs compiled them, for comparison with our own encoder and decoder. */

import { createRequire } from 'node:module'
import type { Signal } from '../../src/otlp/intake.ts'

interface MessageType {
  readonly prototype: object
  decode(bytes: Uint8Array): object
  encode(message: object): { finish(): Uint8Array }
  toObject(message: object, options: object): Record<string, unknown>
  fromObject(plain: object): object
}

type Package = Readonly<Record<string, MessageType & Readonly<Record<string, MessageType>>>>

interface Root {
  opentelemetry: {
    proto: {
      collector: { trace: { v1: Package }; metrics: { v1: Package }; logs: { v1: Package } }
      common: { v1: Package }
      resource: { v1: Package }
      trace: { v1: Package }
      metrics: { v1: Package }
      logs: { v1: Package }
    }
  }
}

const require = createRequire(import.meta.url)
const root = require('@opentelemetry/otlp-transformer/build/src/generated/root') as Root
const { collector, common, resource, trace, metrics, logs } = root.opentelemetry.proto

const typeOf = (name: string, found: MessageType | undefined): MessageType => {
  if (found === undefined) throw new Error(`no official message ${name}`)
  return found
}

const requests: Readonly<Record<Signal, MessageType>> = {
  traces: typeOf('traces', collector.trace.v1['ExportTraceServiceRequest']),
  metrics: typeOf('metrics', collector.metrics.v1['ExportMetricsServiceRequest']),
  logs: typeOf('logs', collector.logs.v1['ExportLogsServiceRequest']),
}

/** Names of the fields of an official message. */
export function officialFields(name: string): string[] {
  const packages = [collector.trace.v1, collector.metrics.v1, collector.logs.v1, common.v1, resource.v1, trace.v1, metrics.v1, logs.v1]
  const found =
    packages.map((one) => one[name]).find((one) => one !== undefined) ??
    trace.v1['Span']?.[name] ??
    metrics.v1['SummaryDataPoint']?.[name] ??
    metrics.v1['ExponentialHistogramDataPoint']?.[name]
  const { prototype } = typeOf(name, found)
  // Oneofs have a getter of their own name, fields have a value.
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([own, { get, value }]) => get === undefined && typeof value !== 'function' && own !== 'constructor')
    .map(([own]) => own)
}

export type Plain = { [key: string]: unknown }

/** Decodes a request with protobufjs into OTLP/JSON's form: hex ids, 64-bit integers as strings, base64 bytes. */
export function officialDecode(bytes: Uint8Array, signal: Signal = 'traces'): Plain {
  const type = requests[signal]
  const message = type.decode(bytes)
  return hexIds(type.toObject(message, { longs: String, bytes: String, enums: Number, json: true })) as Plain
}

/** Encodes a request given in OTLP/JSON's form with protobufjs. */
export function officialEncode(plain: Plain, signal: Signal = 'traces'): Uint8Array {
  const type = requests[signal]
  return type.encode(type.fromObject(base64Ids(plain) as object)).finish()
}

const idNames = new Set(['traceId', 'spanId', 'parentSpanId'])

function mapIds(value: unknown, map: (id: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => mapIds(one, map))
  if (value === null || typeof value !== 'object') return value
  const result: Plain = {}
  for (const [name, inner] of Object.entries(value))
    result[name] = idNames.has(name) && typeof inner === 'string' ? map(inner) : mapIds(inner, map)
  return result
}

const hexIds = (value: unknown): unknown => mapIds(value, (id) => Buffer.from(id, 'base64').toString('hex'))
const base64Ids = (value: unknown): unknown => mapIds(value, (id) => Buffer.from(id, 'hex').toString('base64'))
