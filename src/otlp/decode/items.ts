/**
 * Looks at the items of an encoded request one by one: whose each is, what it is known by, when it happened; and cuts one out into a request of its
 * own. For samples: nothing is decoded that is not asked for.
 */

import type { Signal } from '../intake.ts'
import { ProtoReader } from './reader.ts'

/** Where a field's content stands in the request. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** One item of a request. */
export interface Item {
  /** `service.name` of a resource; of a log record its index, where it has one. */
  readonly key: string
  /** The same for the same item in every process: trace, series, document. 32 bits, evenly spread. */
  readonly hash: number
  /** What a backend knows it by: `trace id/span id`, the series as PromQL writes it, the document's id or a hash. */
  id(): string
  /** Event time; 0 when there is none. */
  readonly atMs: number
  /** It alone, as a request. */
  cut(): Uint8Array
}

interface Place {
  readonly resource: Range | undefined
  readonly scope: Range | undefined
  readonly item: Range
}

const utf8 = new TextDecoder()

/** murmur3's finaliser: without it ids that were chosen by a sampler would be chosen again. */
const mix = (value: number): number => {
  let hash = value | 0
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

const hashOf = (bytes: Uint8Array, { start, end }: Range, seed = 0x811c9dc5): number => {
  let hash = seed
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash
}

const rangeOf = (reader: ProtoReader): Range => {
  const end = reader.length()
  const range = { start: reader.at, end }
  reader.at = end
  return range
}

/** Calls back for the fields of a message. @param take is to move past the field, or to return false */
const within = (reader: ProtoReader, { start, end }: Range, take: (tag: number) => boolean): void => {
  const back = reader.at
  reader.at = start
  reader.fields(end, take)
  reader.at = back
}

const nsToMs = (reader: ProtoReader): number => {
  const at = Number(reader.view.getBigUint64(reader.at, true) / 1_000_000n)
  reader.at += 8
  return at
}

/** Keys and values of text or numbers, as they are shown. */
const attributesOf = (reader: ProtoReader, range: Range, field: number): Map<string, string> => {
  const found = new Map<string, string>()
  within(reader, range, (tag) => {
    if (tag !== field) return false
    let [key, value] = ['', '']
    reader.fields(reader.length(), (inner) => {
      if (inner === 0x0a) {
        const { start, end } = rangeOf(reader)
        key = utf8.decode(reader.bytes.subarray(start, end))
      } else if (inner === 0x12) {
        reader.fields(reader.length(), (kind) => {
          if (kind !== 0x0a) return false
          const { start, end } = rangeOf(reader)
          value = utf8.decode(reader.bytes.subarray(start, end))
          return true
        })
      } else return false
      return true
    })
    found.set(key, value)
    return true
  })
  return found
}

const hex = (bytes: Uint8Array, { start, end }: Range): string => Buffer.from(bytes.subarray(start, end)).toString('hex')

const nowhere: Range = { start: 0, end: 0 }

const spanOf = (reader: ProtoReader, key: string, place: Place): Item => {
  let [trace, span, atMs] = [nowhere, nowhere, 0]
  within(reader, place.item, (tag) => {
    if (tag === 0x0a) trace = rangeOf(reader)
    else if (tag === 0x12) span = rangeOf(reader)
    else if (tag === 0x39) atMs = nsToMs(reader)
    else return false
    return true
  })
  const { bytes } = reader
  return {
    key,
    hash: mix(hashOf(bytes, trace)),
    id: () => `${hex(bytes, trace)}/${hex(bytes, span)}`,
    atMs,
    cut: () => cutOut(bytes, place),
  }
}

/** Field of the points, by the tag of the data in a Metric; and the field of a point's attributes. */
const pointAttributes = new Map([
  [0x2a, 0x3a],
  [0x3a, 0x3a],
  [0x4a, 0x4a],
  [0x52, 0x0a],
  [0x5a, 0x3a],
])

/** The first point of a metric stands for it: the series is its name and what the point and the resource say. */
const metricOf = (reader: ProtoReader, key: string, place: Place): Item => {
  const { bytes } = reader
  let [name, point, atMs, field] = [nowhere, nowhere, 0, 0]
  within(reader, place.item, (tag) => {
    if (tag === 0x0a) {
      name = rangeOf(reader)
      return true
    }
    const attributes = pointAttributes.get(tag)
    if (attributes === undefined || point !== nowhere) return false
    field = attributes
    reader.fields(reader.length(), (inner) => {
      if (inner !== 0x0a || point !== nowhere) return false
      point = rangeOf(reader)
      return true
    })
    return true
  })
  let hash = hashOf(bytes, name, hashOf(bytes, place.resource ?? nowhere))
  within(reader, point, (tag) => {
    if (tag === 0x19) atMs = nsToMs(reader)
    else if (tag === field) hash = hashOf(bytes, rangeOf(reader), hash)
    else return false
    return true
  })
  return {
    key,
    hash: mix(hash),
    id() {
      const labels = [...attributesOf(reader, point, field)].map(([label, value]) => `${label}=${JSON.stringify(value)}`)
      return `${utf8.decode(bytes.subarray(name.start, name.end))}{${labels.join(',')}}`
    },
    atMs,
    cut: () => cutOut(bytes, place),
  }
}

const logOf = (reader: ProtoReader, key: string, place: Place): Item => {
  const { bytes } = reader
  let [body, atMs] = [nowhere, 0]
  within(reader, place.item, (tag) => {
    if (tag === 0x09) atMs = nsToMs(reader)
    else if (tag === 0x2a) body = rangeOf(reader)
    else return false
    return true
  })
  const attributes = attributesOf(reader, place.item, 0x32)
  const [index, id] = [attributes.get('elasticsearch.index'), attributes.get('elasticsearch.document.id')]
  const known = id === undefined ? undefined : Buffer.from(id)
  const hash = mix(known === undefined ? hashOf(bytes, body, atMs | 0) : hashOf(known, { start: 0, end: known.length }))
  return {
    key: index ?? key,
    hash,
    id: () => id ?? `${atMs}-${hash.toString(16)}`,
    atMs,
    cut: () => cutOut(bytes, place),
  }
}

const readers: Readonly<Record<Signal, (reader: ProtoReader, key: string, place: Place) => Item>> = {
  traces: spanOf,
  metrics: metricOf,
  logs: logOf,
}

/** @param signal of log records it is the index, where the resource has it */
const keyOf = (reader: ProtoReader, resource: Range, signal: Signal): string => {
  const attributes = attributesOf(reader, resource, 0x0a)
  return (signal === 'logs' ? attributes.get('elasticsearch.index') : undefined) ?? attributes.get('service.name') ?? ''
}

/**
 * Calls back with the items of a request in their order, until it returns false. Throws OB_DECODE_PROTO. What it gives is read from the request, so it is
 * to be used before that is written to again.
 */
export function eachItem(signal: Signal, request: Uint8Array, take: (item: Item) => boolean): void {
  const reader = new ProtoReader(request)
  const read = readers[signal]
  let going = true
  reader.fields(request.length, (tag) => {
    if (tag !== 0x0a || !going) return false
    const group = rangeOf(reader)
    let resource: Range | undefined
    within(reader, group, (inner) => {
      if (inner !== 0x0a) return false
      resource = rangeOf(reader)
      return true
    })
    const key = resource === undefined ? '' : keyOf(reader, resource, signal)
    within(reader, group, (inner) => {
      if (inner !== 0x12 || !going) return false
      const scoped = rangeOf(reader)
      let scope: Range | undefined
      within(reader, scoped, (field) => {
        if (field === 0x0a) scope = rangeOf(reader)
        else if (field === 0x12) {
          const item = rangeOf(reader)
          if (going) going = take(read(reader, key, { resource, scope, item }))
        } else return false
        return true
      })
      return true
    })
    return true
  })
}

const varint = (value: number): number[] => {
  const bytes: number[] = []
  let rest = value
  for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128)
  bytes.push(rest)
  return bytes
}

const field = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array => {
  const size = parts.reduce((sum, part) => sum + part.length, 0)
  return Buffer.concat([Uint8Array.from([tag, ...varint(size)]), ...parts])
}

/** `Resource…{1: resource, 2: Scope…{1: scope, 2: item}}`, the same in all three signals. */
function cutOut(bytes: Uint8Array, { resource, scope, item }: Place): Uint8Array {
  const part = (tag: number, range: Range | undefined): Uint8Array[] =>
    range === undefined ? [] : [field(tag, bytes.subarray(range.start, range.end))]
  const scoped = field(0x12, ...part(0x0a, scope), ...part(0x12, item))
  return new Uint8Array(field(0x0a, ...part(0x0a, resource), scoped))
}
