/** The lists inside a span: tags, annotations, binary annotations. */

import { keyValue, sliceToString } from '../../otlp/attributes.ts'
import { type Key, type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import { noAnnotations, noEndpoint, noName, type ZipkinAnnotation, type ZipkinEndpoint } from '../../translate/zipkin/model.ts'
import type { JsonScanner } from '../json-scan.ts'
import type { KeyFinder } from './decode-keys.ts'
import { Field, readField } from './json-fields.ts'
import { type JsonReading, openOrSkip, readText, tooMany } from './json-reading.ts'
import { readMicros, readTypedValue } from './json-values.ts'

const words: Words = { hi: 0, lo: 0 }

/** A tag's key: `at` is at its opening quote. */
function readKey(scanner: JsonScanner, keys: KeyFinder): Key {
  const start = scanner.at + 1
  const stop = keys.tryAt(start, scanner.end)
  if (stop >= 0 && scanner.bytes[stop] === 0x22) {
    scanner.at = stop + 1
    return keys.expected()
  }
  scanner.string()
  return keys.look(scanner.start, scanner.stop)
}

/** Tags of a v2 span; null values are skipped. */
export function readTags(reading: JsonReading, first: number): readonly KeyValue[] {
  const { scanner, keys } = reading
  const { bytes } = scanner
  const { maxAttributes, maxDepth } = reading.limits
  let byte = openOrSkip(reading, first, 0x7b)
  if (byte === 0) return noAttributes
  const tags: KeyValue[] = []
  keys.begin()
  for (; byte !== 0; byte = scanner.next(0x7d)) {
    if (byte !== 0x22) scanner.fail('expected a key')
    if (tags.length >= maxAttributes) tooMany(reading, 'tags', maxAttributes)
    const key = readKey(scanner, keys)
    const value = scanner.colon()
    if (value === 0x22) {
      scanner.string()
      tags.push(keyValue(key, ValueType.Text, scanner.start, scanner.stop, bytes))
    } else {
      const tag = readTypedValue(scanner, key, value, maxDepth - 2)
      if (tag !== undefined) tags.push(tag)
    }
  }
  return tags
}

/** Annotations of either version; sets `hosted`. Those without text and host carry nothing and are skipped. */
export function readAnnotations(reading: JsonReading, first: number): readonly ZipkinAnnotation[] {
  const { scanner, endpoints } = reading
  const { maxEvents, maxDepth } = reading.limits
  reading.hosted = false
  let byte = openOrSkip(reading, first, 0x5b)
  if (byte === 0) return noAnnotations
  const annotations: ZipkinAnnotation[] = []
  for (; byte !== 0; byte = scanner.next(0x5d)) {
    if (byte !== 0x7b) {
      scanner.skip(byte, maxDepth - 2)
      reading.unreadable++
      continue
    }
    if (annotations.length >= maxEvents) tooMany(reading, 'annotations', maxEvents)
    let timeHi = 0
    let timeLo = 0
    let value: Text = ''
    let endpoint = noEndpoint
    for (let inner = scanner.open(0x7d); inner !== 0; inner = scanner.next(0x7d)) {
      if (inner !== 0x22) scanner.fail('expected a key')
      const field = readField(scanner)
      const valueFirst = scanner.value()
      if (field === Field.Timestamp) {
        if (!readMicros(scanner, valueFirst, maxDepth - 3, words)) reading.unreadable++
        timeHi = words.hi
        timeLo = words.lo
      } else if (field === Field.Value) value = readText(reading, valueFirst)
      else if (field === Field.Endpoint) {
        reading.hosted = true
        endpoint = endpoints.read(valueFirst)
      } else scanner.skip(valueFirst, maxDepth - 3)
    }
    if (value === '' && endpoint === noEndpoint) continue
    annotations.push({ timeHi, timeLo, value, endpoint })
  }
  return annotations
}

/** Which address annotation a key is; 0: none. */
const Address = { None: 0, Client: 1, Server: 2, Message: 3 } as const

function addressOf(key: Key): number {
  if (key.text.length !== 2) return Address.None
  switch (key.text) {
    case 'ca':
      return Address.Client
    case 'sa':
      return Address.Server
    case 'ma':
      return Address.Message
    default:
      return Address.None
  }
}

/** Binary annotations of a v1 span: sets `tags`, `tagEndpoints` and the addresses. */
export function readBinaryAnnotations(reading: JsonReading, first: number): void {
  const { scanner, keys, endpoints } = reading
  const { bytes } = scanner
  const { maxAttributes, maxDepth } = reading.limits
  const tags: KeyValue[] = []
  keys.begin()
  const tagEndpoints: ZipkinEndpoint[] = []
  reading.tags = tags
  reading.tagEndpoints = tagEndpoints
  reading.clientAddress = undefined
  reading.serverAddress = undefined
  reading.messageAddress = undefined
  for (let byte = openOrSkip(reading, first, 0x5b); byte !== 0; byte = scanner.next(0x5d)) {
    if (byte !== 0x7b) {
      scanner.skip(byte, maxDepth - 2)
      reading.unreadable++
      continue
    }
    if (tags.length >= maxAttributes) tooMany(reading, 'binary annotations', maxAttributes)
    let key = noName
    let start = -1
    let stop = 0
    let odd: KeyValue | undefined
    let endpoint = noEndpoint
    for (let inner = scanner.open(0x7d); inner !== 0; inner = scanner.next(0x7d)) {
      if (inner !== 0x22) scanner.fail('expected a key')
      const field = readField(scanner)
      const valueFirst = scanner.value()
      if (field === Field.Key && valueFirst === 0x22) {
        key = readKey(scanner, keys)
      } else if (field === Field.Value) {
        if (valueFirst === 0x22) {
          scanner.string()
          start = scanner.start
          stop = scanner.stop
          odd = undefined
        } else {
          odd = readTypedValue(scanner, noName, valueFirst, maxDepth - 3)
          start = -1
        }
      } else if (field === Field.Endpoint) endpoint = endpoints.read(valueFirst)
      else scanner.skip(valueFirst, maxDepth - 3)
    }
    const address = addressOf(key)
    if (address !== Address.None && isTrue(bytes, start, stop, odd)) {
      if (endpoint === noEndpoint) continue
      if (address === Address.Client) reading.clientAddress = endpoint
      else if (address === Address.Server) reading.serverAddress = endpoint
      else reading.messageAddress = endpoint
      continue
    }
    if (key === noName) {
      reading.unreadable++
      continue
    }
    if (start >= 0) tags.push(keyValue(key, ValueType.Text, start, stop, bytes))
    else if (odd !== undefined) tags.push(keyValue(key, odd.type, odd.a, odd.b, odd.ref))
    else continue
    tagEndpoints.push(endpoint)
  }
}

/** The value of an address annotation: true, or the text of it. */
function isTrue(bytes: Uint8Array, start: number, stop: number, odd: KeyValue | undefined): boolean {
  if (odd !== undefined) return odd.type === ValueType.Bool && odd.a === 1
  return start >= 0 && stop - start === 4 && sliceToString(bytes, start, stop) === 'true'
}
