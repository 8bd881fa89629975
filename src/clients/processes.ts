/** What processes say of themselves: the tags of Jaeger's clients, as our translators name them in the resource of what is sent. */

import { ProtoReader } from '../otlp/decode/reader.ts'
import { type Identity, identifyProcess } from './identify.ts'

/** One resource of a request. */
export interface Process {
  readonly service: string
  readonly identity: Identity | undefined
  /** `host.name`, else `ip` */
  readonly host: string | undefined
}

const wanted = [
  'service.name',
  'jaeger.version',
  'telemetry.sdk.name',
  'telemetry.sdk.language',
  'telemetry.sdk.version',
  'host.name',
  'ip',
] as const

/** Resources of one request that are looked at. */
const maxResources = 64
/** Longest text that is kept of a tag. */
const longestTag = 128

const text = new TextDecoder()

const shortText = (reader: ProtoReader, end: number): string =>
  text.decode(reader.bytes.subarray(reader.at, Math.min(end, reader.at + longestTag)))

/** A KeyValue of text, when its key is wanted. */
function tagOf(reader: ProtoReader, into: Map<string, string>): void {
  let key: string | undefined
  let value: string | undefined
  reader.fields(reader.length(), (tag) => {
    if (tag === 0x0a) {
      const end = reader.length()
      if (end - reader.at <= 32) key = shortText(reader, end)
      reader.at = end
      return true
    }
    if (tag !== 0x12) return false
    reader.fields(reader.length(), (inner) => {
      if (inner !== 0x0a) return false
      const end = reader.length()
      value = shortText(reader, end)
      reader.at = end
      return true
    })
    return true
  })
  if (key !== undefined && value !== undefined && (wanted as readonly string[]).includes(key)) into.set(key, value)
}

/** The processes behind an encoded request of any signal. Throws OB_DECODE_PROTO. */
export function readProcesses(request: Uint8Array): readonly Process[] {
  const reader = new ProtoReader(request)
  const found: Process[] = []
  reader.fields(request.length, (tag) => {
    if (tag !== 0x0a || found.length >= maxResources) return false
    const tags = new Map<string, string>()
    reader.fields(reader.length(), (inner) => {
      if (inner !== 0x0a) return false
      reader.fields(reader.length(), (attribute) => {
        if (attribute !== 0x0a) return false
        tagOf(reader, tags)
        return true
      })
      return true
    })
    const service = tags.get('service.name')
    if (service === undefined) return true
    found.push({
      service,
      identity: identifyProcess({
        jaegerVersion: tags.get('jaeger.version'),
        sdkName: tags.get('telemetry.sdk.name'),
        sdkLanguage: tags.get('telemetry.sdk.language'),
        sdkVersion: tags.get('telemetry.sdk.version'),
      }),
      host: tags.get('host.name') ?? tags.get('ip'),
    })
    return true
  })
  return found
}
