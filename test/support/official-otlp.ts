/** The official OTLP messages as protobufjs compiled them, for comparison with our own encoder and decoder. */

import { createRequire } from 'node:module'

interface MessageType {
  decode(bytes: Uint8Array): object
  encode(message: object): { finish(): Uint8Array }
  toObject(message: object, options: object): Record<string, unknown>
  fromObject(plain: object): object
}

interface Root {
  opentelemetry: {
    proto: { collector: { trace: { v1: { ExportTraceServiceRequest: MessageType; ExportTraceServiceResponse: MessageType } } } }
  }
}

const require = createRequire(import.meta.url)
const root = require('@opentelemetry/otlp-transformer/build/src/generated/root') as Root
const { ExportTraceServiceRequest } = root.opentelemetry.proto.collector.trace.v1

type Plain = { [key: string]: unknown }

/** Decodes a request with protobufjs into OTLP/JSON's form: hex ids, 64-bit integers as strings, base64 bytes. */
export function officialDecode(bytes: Uint8Array): Plain {
  const message = ExportTraceServiceRequest.decode(bytes)
  return hexIds(ExportTraceServiceRequest.toObject(message, { longs: String, bytes: String, enums: Number, json: true })) as Plain
}

/** Encodes a request given in OTLP/JSON's form with protobufjs. */
export function officialEncode(plain: Plain): Uint8Array {
  return ExportTraceServiceRequest.encode(ExportTraceServiceRequest.fromObject(base64Ids(plain) as object)).finish()
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
