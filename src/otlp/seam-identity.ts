/**
 * What an item is known by on either way in, live or out of an old store: 64 bits made of the encoded request, and its time. Nothing is decoded that does
 * not decide, and nothing is allocated per item.
 *
 * | signal  | made of                                                                                                          |
 * | ------- | ---------------------------------------------------------------------------------------------------------------- |
 * | traces  | trace id, span id, kind, start; `service.name` of the resource                                                   |
 * | logs    | time, body; who said it: `service.*`, `host.name`, `container.id`, `k8s.pod.*`, `log.file.path` of the resource. |
 * |         | A record without a body: its attributes as well, but those that only a store gives                               |
 * | metrics | name and attributes of the point's stream; `service.*` of the resource, or all of it where no instance is told   |
 *
 * Attributes are a set: their order does not matter. Hashes lie in files of the bridge: a change of what is here is a new {@link identityVersion}.
 */

import { ProtoReader } from './decode/reader.ts'
import type { Signal } from './intake.ts'

/** Grows when the same item gets another hash. */
export const identityVersion = 1

/**
 * Called for each span, record or data point, in their order. Both halves are int32.
 * @param timeMs NaN where there is none
 * @param service {@link serviceHash} of the resource's `service.name`; 0 where it has none
 */
export type TakeIdentity = (low: number, high: number, timeMs: number, service: number) => void

const encoder = new TextEncoder()

/** Two lanes of 32 bits that are mixed with each other at every word. */
class Lanes {
  a = 0
  b = 0

  start(a: number, b: number): void {
    this.a = a
    this.b = b
  }

  word(word: number): void {
    let a = this.a ^ Math.imul(word, 0x9e3779b1)
    a = Math.imul((a << 15) | (a >>> 17), 0x85ebca6b)
    let b = this.b ^ Math.imul(word, 0xc2b2ae35)
    b = Math.imul((b << 13) | (b >>> 19), 0x27d4eb2f)
    this.a = (a + b) | 0
    this.b = (b ^ (a >>> 16)) | 0
  }

  /** The bytes and how many they are. */
  bytes(reader: ProtoReader, from: number, to: number): void {
    const { view, bytes } = reader
    // As `word`, in local variables: this is where the time goes.
    let a = this.a ^ Math.imul(to - from, 0x9e3779b1)
    let b = this.b
    let at = from
    for (const whole = to - 3; at < whole; at += 4) {
      const word = view.getInt32(at, true)
      a = Math.imul((a << 15) | (a >>> 17), 0x85ebca6b) ^ Math.imul(word, 0x9e3779b1)
      b = Math.imul(((b ^ word) << 13) | ((b ^ word) >>> 19), 0x27d4eb2f) + a
    }
    if (at < to) {
      let rest = 0
      for (; at < to; at++) rest = (rest << 8) | (bytes[at] as number)
      a = Math.imul((a << 15) | (a >>> 17), 0x85ebca6b) ^ Math.imul(rest, 0x9e3779b1)
      b = Math.imul(((b ^ rest) << 13) | ((b ^ rest) >>> 19), 0x27d4eb2f) + a
    }
    this.a = a | 0
    this.b = (b ^ (a >>> 16)) | 0
  }

  end(): void {
    let { a, b } = this
    a = Math.imul(a ^ (a >>> 16), 0x85ebca6b)
    a = Math.imul(a ^ (a >>> 13), 0xc2b2ae35)
    a ^= a >>> 16
    b = Math.imul(b ^ (b >>> 15) ^ a, 0x2c1b3c6d)
    b = Math.imul(b ^ (b >>> 12), 0x297a2d39)
    b ^= b >>> 15
    this.a = a | 0
    this.b = (b + a) | 0
  }
}

const startOfAttribute = [0x2545f491, 0x6a09e667] as const

const hashOfKey = (key: string): number => {
  const bytes = encoder.encode(key)
  const lanes = new Lanes()
  lanes.start(1, 1)
  lanes.bytes(new ProtoReader(bytes), 0, bytes.length)
  lanes.end()
  return lanes.a
}

const keysOf = (...keys: readonly string[]): ReadonlySet<number> => new Set(keys.map(hashOfKey))

const serviceName = hashOfKey('service.name')
const instanceId = hashOfKey('service.instance.id')
const serviceKeys = keysOf('service.namespace', 'service.name', 'service.instance.id')
const sayers = keysOf(
  'service.namespace',
  'service.name',
  'service.instance.id',
  'host.name',
  'container.id',
  'k8s.pod.name',
  'k8s.pod.uid',
  'log.file.path',
)
/** What a store gives a document, and a shipper cannot know. */
const givenByStores = keysOf('elasticsearch.index', 'elasticsearch.document.id', 'log.record.uid')

const fixed64 = (field: number): number => (field << 3) | 1
const bytesField = (field: number): number => (field << 3) | 2

/** Data of a metric → attributes of its points. */
const attributesOfPoints = new Map([
  [bytesField(5), bytesField(7)],
  [bytesField(7), bytesField(7)],
  [bytesField(9), bytesField(9)],
  [bytesField(10), bytesField(1)],
  [bytesField(11), bytesField(7)],
])

class Walk {
  readonly #reader: ProtoReader
  readonly #take: TakeIdentity
  readonly #lanes = new Lanes()
  readonly #key = new Lanes()
  /** Of the resource: of service.name alone, of those who say, of all; each a sum, free of order. */
  #serviceA = 0
  #serviceB = 0
  #sayersA = 0
  #sayersB = 0
  #streamA = 0
  #streamB = 0
  #allA = 0
  #allB = 0
  #hasInstance = false

  constructor(data: Uint8Array, take: TakeIdentity) {
    this.#reader = new ProtoReader(data)
    this.#take = take
  }

  request(signal: Signal): void {
    const reader = this.#reader
    const size = reader.end
    while (reader.at < size) {
      reader.end = size
      const tag = reader.varint32()
      if (tag !== bytesField(1)) {
        reader.skip(tag)
        continue
      }
      const end = reader.length()
      this.#group(signal, reader.at, end)
      reader.at = end
      reader.end = size
    }
  }

  #group(signal: Signal, from: number, to: number): void {
    const reader = this.#reader
    this.#forget()
    reader.end = to
    // The resource first, wherever it stands: lengths alone are read of the rest.
    while (reader.at < to) {
      const tag = reader.varint32()
      if (tag === bytesField(1)) {
        const end = reader.length()
        this.#resource(end)
        reader.at = end
        reader.end = to
      } else reader.skip(tag)
    }
    this.#settle()
    reader.at = from
    while (reader.at < to) {
      reader.end = to
      const tag = reader.varint32()
      if (tag !== bytesField(2)) {
        reader.skip(tag)
        continue
      }
      const end = reader.length()
      reader.end = end
      while (reader.at < end) {
        const inner = reader.varint32()
        if (inner !== bytesField(2)) {
          reader.skip(inner)
          continue
        }
        const stop = reader.length()
        if (signal === 'traces') this.#span(stop)
        else if (signal === 'logs') this.#record(stop)
        else this.#metric(stop)
        reader.at = stop
        reader.end = end
      }
    }
  }

  #forget(): void {
    this.#serviceA = this.#serviceB = this.#sayersA = this.#sayersB = this.#streamA = this.#streamB = this.#allA = this.#allB = 0
    this.#hasInstance = false
  }

  /** A stream is told by its instance where that is known: what target_info adds comes later than the first points. */
  #settle(): void {
    if (this.#hasInstance) return
    this.#streamA = this.#allA
    this.#streamB = this.#allB
  }

  #resource(end: number): void {
    const reader = this.#reader
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== bytesField(1)) {
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      const key = this.#attribute(stop)
      const { a, b } = this.#lanes
      this.#allA = (this.#allA + a) | 0
      this.#allB = (this.#allB + b) | 0
      if (key === serviceName) {
        this.#serviceA = a
        this.#serviceB = b
      }
      if (key === instanceId) this.#hasInstance = true
      if (serviceKeys.has(key)) {
        this.#streamA = (this.#streamA + a) | 0
        this.#streamB = (this.#streamB + b) | 0
      }
      if (sayers.has(key)) {
        this.#sayersA = (this.#sayersA + a) | 0
        this.#sayersB = (this.#sayersB + b) | 0
      }
      reader.at = stop
      reader.end = end
    }
  }

  /** Hashes a KeyValue, from the reader's place to `end`, into the lanes; gives the hash of its key. */
  #attribute(end: number): number {
    const reader = this.#reader
    const lanes = this.#lanes
    lanes.start(startOfAttribute[0], startOfAttribute[1])
    lanes.bytes(reader, reader.at, end)
    lanes.end()
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === bytesField(1)) {
        const stop = reader.length()
        const key = this.#key
        key.start(1, 1)
        key.bytes(reader, reader.at, stop)
        key.end()
        return key.a
      }
      reader.skip(tag)
    }
    return 0
  }

  #timeAt(at: number): number {
    const { view } = this.#reader
    const low = view.getUint32(at, true)
    const high = view.getUint32(at + 4, true)
    // A double of nanoseconds is right to a quarter of a microsecond.
    return low === 0 && high === 0 ? Number.NaN : Math.round((high * 4294967296 + low) / 1e3) / 1e3
  }

  #fixed(tag: number): number {
    const at = this.#reader.at
    this.#reader.skip(tag)
    return at
  }

  #span(end: number): void {
    const reader = this.#reader
    let traceAt = 0
    let traceEnd = 0
    let idAt = 0
    let idEnd = 0
    let kind = 0
    let startAt = -1
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      // Fields stand in their order: what comes behind the start decides nothing.
      if (startAt >= 0 && tag > fixed64(7)) break
      if (tag === bytesField(1)) {
        traceEnd = reader.length()
        traceAt = reader.at
        reader.at = traceEnd
      } else if (tag === bytesField(2)) {
        idEnd = reader.length()
        idAt = reader.at
        reader.at = idEnd
      } else if (tag === 6 << 3) kind = reader.varint32()
      else if (tag === fixed64(7)) startAt = this.#fixed(tag)
      else reader.skip(tag)
    }
    const lanes = this.#lanes
    lanes.start(this.#serviceA, this.#serviceB)
    lanes.bytes(reader, traceAt, traceEnd)
    lanes.bytes(reader, idAt, idEnd)
    lanes.word(kind)
    if (startAt >= 0) lanes.bytes(reader, startAt, startAt + 8)
    lanes.end()
    this.#take(lanes.a, lanes.b, startAt < 0 ? Number.NaN : this.#timeAt(startAt), this.#serviceA)
  }

  #record(end: number): void {
    const reader = this.#reader
    const from = reader.at
    let timeAt = -1
    let bodyAt = 0
    let bodyEnd = 0
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (bodyEnd > 0 && tag > bytesField(5)) break
      if (tag === fixed64(1)) timeAt = this.#fixed(tag)
      else if (tag === bytesField(5)) {
        bodyEnd = reader.length()
        bodyAt = reader.at
        reader.at = bodyEnd
      } else reader.skip(tag)
    }
    let restA = this.#sayersA
    let restB = this.#sayersB
    // Without a body its attributes are what it says.
    if (bodyEnd === bodyAt) {
      reader.at = from
      while (reader.at < end) {
        reader.end = end
        const tag = reader.varint32()
        if (tag !== bytesField(6)) {
          reader.skip(tag)
          continue
        }
        const stop = reader.length()
        const key = this.#attribute(stop)
        if (!givenByStores.has(key)) {
          restA = (restA + this.#lanes.a) | 0
          restB = (restB + this.#lanes.b) | 0
        }
        reader.at = stop
      }
    }
    const lanes = this.#lanes
    lanes.start(restA, restB)
    if (timeAt >= 0) lanes.bytes(reader, timeAt, timeAt + 8)
    lanes.bytes(reader, bodyAt, bodyEnd)
    lanes.end()
    this.#take(lanes.a, lanes.b, timeAt < 0 ? Number.NaN : this.#timeAt(timeAt), this.#serviceA)
  }

  #metric(end: number): void {
    const reader = this.#reader
    const from = reader.at
    const lanes = this.#lanes
    lanes.start(this.#streamA, this.#streamB)
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag !== bytesField(1)) {
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      lanes.bytes(reader, reader.at, stop)
      reader.at = stop
    }
    const a = lanes.a
    const b = lanes.b
    reader.at = from
    while (reader.at < end) {
      reader.end = end
      const tag = reader.varint32()
      const attributes = attributesOfPoints.get(tag)
      if (attributes === undefined) {
        reader.skip(tag)
        continue
      }
      const stop = reader.length()
      while (reader.at < stop) {
        reader.end = stop
        const inner = reader.varint32()
        if (inner !== bytesField(1)) {
          reader.skip(inner)
          continue
        }
        const pointEnd = reader.length()
        this.#point(pointEnd, attributes, a, b)
        reader.at = pointEnd
      }
    }
  }

  #point(end: number, attributes: number, a: number, b: number): void {
    const reader = this.#reader
    let timeAt = -1
    let sumA = a
    let sumB = b
    reader.end = end
    while (reader.at < end) {
      const tag = reader.varint32()
      if (tag === fixed64(3)) timeAt = this.#fixed(tag)
      else if (tag === attributes) {
        const stop = reader.length()
        const lanes = this.#lanes
        lanes.start(startOfAttribute[0], startOfAttribute[1])
        lanes.bytes(reader, reader.at, stop)
        lanes.end()
        sumA = (sumA + lanes.a) | 0
        sumB = (sumB + lanes.b) | 0
        reader.at = stop
      } else reader.skip(tag)
    }
    const lanes = this.#lanes
    lanes.start(sumA, sumB)
    lanes.end()
    this.#take(lanes.a, lanes.b, timeAt < 0 ? Number.NaN : this.#timeAt(timeAt), this.#serviceA)
  }
}

const lengthOf = (length: number): number[] => (length < 0x80 ? [length] : [(length & 0x7f) | 0x80, ...lengthOf(length >>> 7)])

const field = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.from([bytesField(number), ...lengthOf(content.length)]), content])

/** What items of this service come with. */
export function serviceHash(service: string): number {
  // KeyValue { string key = 1; AnyValue value = 2; }  AnyValue { string string_value = 1; }
  const attribute = Buffer.concat([field(1, encoder.encode('service.name')), field(2, field(1, encoder.encode(service)))])
  const lanes = new Lanes()
  lanes.start(startOfAttribute[0], startOfAttribute[1])
  lanes.bytes(new ProtoReader(attribute), 0, attribute.length)
  lanes.end()
  return lanes.a
}

/** Goes through the items of an encoded request. Throws OB_DECODE_PROTO when it cannot be read. */
export function eachIdentity(signal: Signal, request: Uint8Array, take: TakeIdentity): void {
  new Walk(request, take).request(signal)
}
