/**
 * The pairs of a D frame as members of a JSON object. All values are strings and stay strings, dots in keys stay as they are.
 *
 * Two keys of logstash-forwarder get the names that Logstash has for the same: `line` is `message`, and `file` is `path`, unless a pair
 * has that name. `@version` marks the document as one of Logstash's classic form, which it is. @see mapping of Beats, 8
 */

const quote = 0x22
const backslash = 0x5c
const colon = 0x3a
const comma = 0x2c
const control = 0x20
const hexDigits = '0123456789abcdef'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)
const mark = encode('"@version":"1"')
const names = [
  { from: encode('line'), to: encode('message') },
  { from: encode('file'), to: encode('path') },
] as const
const version = encode('@version')

const uint32 = (bytes: Uint8Array, at: number): number =>
  (((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16) | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0

const same = (bytes: Uint8Array, start: number, length: number, text: Uint8Array): boolean => {
  if (length !== text.length) return false
  for (let at = 0; at < length; at++) if (bytes[start + at] !== text[at]) return false
  return true
}

function hasKey(bytes: Uint8Array, start: number, end: number, key: Uint8Array): boolean {
  for (let at = start; at < end; ) {
    const keyBytes = uint32(bytes, at)
    if (same(bytes, at + 4, keyBytes, key)) return true
    at += 4 + keyBytes
    at += 4 + uint32(bytes, at)
  }
  return false
}

/** The text of bytes as a JSON string. Bytes that are no UTF-8 stay as they are: whoever reads the document knows what to do with them. */
function writeString(bytes: Uint8Array, start: number, end: number, target: Uint8Array, from: number): number {
  let at = from
  target[at++] = quote
  for (let place = start; place < end; place++) {
    const byte = bytes[place] as number
    if (byte < control) {
      target[at++] = backslash
      target[at++] = 0x75
      target[at++] = 0x30
      target[at++] = 0x30
      target[at++] = hexDigits.charCodeAt(byte >> 4)
      target[at++] = hexDigits.charCodeAt(byte & 15)
    } else {
      if (byte === quote || byte === backslash) target[at++] = backslash
      target[at++] = byte
    }
  }
  target[at++] = quote
  return at
}

/** Bytes that the members of these pairs take, some more at most. */
export function roomForPairs(bytes: Uint8Array, start: number, end: number): number {
  // The lengths make up for quotes, colon and comma.
  let room = end - start + mark.length + 64
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number
    if (byte < control) room += 5
    else if (byte === quote || byte === backslash) room++
  }
  return room
}

/** Writes the members, and returns where they end in `target`. The pairs are whole: `start` to `end` is what {@link FrameDecoder} found. */
export function pairsToJson(bytes: Uint8Array, start: number, end: number, target: Uint8Array, from: number): number {
  const renamed = names.filter(({ to }) => !hasKey(bytes, start, end, to))
  let at = from
  if (!hasKey(bytes, start, end, version)) {
    target.set(mark, at)
    at += mark.length
    target[at++] = comma
  }
  for (let place = start; place < end; ) {
    const keyBytes = uint32(bytes, place)
    const name = renamed.find((one) => same(bytes, place + 4, keyBytes, one.from))?.to
    if (name === undefined) at = writeString(bytes, place + 4, place + 4 + keyBytes, target, at)
    else at = writeString(name, 0, name.length, target, at)
    place += 4 + keyBytes
    const valueBytes = uint32(bytes, place)
    target[at++] = colon
    at = writeString(bytes, place + 4, place + 4 + valueBytes, target, at)
    target[at++] = comma
    place += 4 + valueBytes
  }
  return at - 1
}
