/** Endpoint objects of Zipkin's JSON, read once for each distinct text. */

import { slice } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import type { Key, Text } from '../../otlp/model.ts'
import { noEndpoint, noName, type ZipkinEndpoint } from '../../translate/zipkin/model.ts'
import type { JsonScanner } from '../json-scan.ts'
import { Field, readField } from './json-fields.ts'
import { readInteger, readTypedValue } from './json-values.ts'

/** An endpoint and the bytes it was read from. */
interface Known {
  endpoint: ZipkinEndpoint
  start: number
  end: number
}

/** Reads the endpoints of one body. */
export interface EndpointReader {
  /** The endpoint whose first byte is at the scanner's place; {@link noEndpoint} for null. Sets `unreadable`. */
  read(first: number): ZipkinEndpoint
  /** Values that are not of a type an endpoint can have, so far. */
  unreadable: number
}

/** v1 repeats the host in every annotation, and a v2 process its own in every span: the last two are kept. */
export function createEndpointReader(scanner: JsonScanner, names: KeyTable, maxDepth: number): EndpointReader {
  const { bytes, view } = scanner
  let newer: Known = { endpoint: noEndpoint, start: 0, end: 0 }
  let older: Known = { endpoint: noEndpoint, start: 0, end: 0 }
  let changed = false

  const again = (known: Known): boolean => {
    const { start } = known
    const { at } = scanner
    const length = known.end - start
    if (length === 0 || at + length > scanner.end) return false
    // Backwards: the parts that differ, addresses and ports, come last.
    let i = length - 4
    for (; i >= 0; i -= 4) if (view.getInt32(start + i, true) !== view.getInt32(at + i, true)) return false
    for (i += 3; i >= 0; i--) if (bytes[start + i] !== bytes[at + i]) return false
    scanner.at = at + length
    return true
  }

  const text = (first: number): Text => {
    if (first === 0x22) {
      scanner.string()
      if (scanner.escaped) changed = true
      return scanner.start === scanner.stop ? '' : slice(bytes, scanner.start, scanner.stop)
    }
    const value = readTypedValue(scanner, noName, first, maxDepth)
    if (value === undefined) return ''
    reader.unreadable++
    return ''
  }

  const serviceName = (first: number): Key => {
    const value = text(first)
    if (value === '') return noName
    return names.find(bytes, view, scanner.start, scanner.stop)
  }

  const parse = (): ZipkinEndpoint => {
    let service = noName
    let ipv4: Text = ''
    let ipv6: Text = ''
    let port = 0
    for (let byte = scanner.open(0x7d); byte !== 0; byte = scanner.next(0x7d)) {
      if (byte !== 0x22) scanner.fail('expected a key')
      const field = readField(scanner)
      if (scanner.escaped) changed = true
      const first = scanner.value()
      switch (field) {
        case Field.ServiceName:
          service = serviceName(first)
          break
        case Field.Ipv4:
          ipv4 = text(first)
          break
        case Field.Ipv6:
          ipv6 = text(first)
          break
        case Field.Port:
          port = integer(first)
          break
        default:
          scanner.skip(first, maxDepth)
      }
    }
    return { serviceName: service, ipv4, ipv6, ipv4Word: 0, ipv6Bytes: undefined, port }
  }

  const integer = (first: number): number => {
    const value = readInteger(scanner, first, maxDepth)
    if (Number.isNaN(value)) {
      reader.unreadable++
      return 0
    }
    return value
  }

  const reader: EndpointReader = {
    unreadable: 0,
    read(first) {
      if (first !== 0x7b) {
        if (first === 0x6e) scanner.literal(first)
        else {
          scanner.skip(first, maxDepth)
          reader.unreadable++
        }
        return noEndpoint
      }
      if (again(newer)) return newer.endpoint
      if (again(older)) {
        const found = older
        older = newer
        newer = found
        return found.endpoint
      }
      const start = scanner.at
      changed = false
      const endpoint = parse()
      const { unreadable } = reader
      // Bytes that were unescaped in place cannot be compared any more.
      if (!changed && unreadable === 0) {
        const oldest = older
        older = newer
        oldest.endpoint = endpoint
        oldest.start = start
        oldest.end = scanner.at
        newer = oldest
      }
      return endpoint
    },
  }
  return reader
}
