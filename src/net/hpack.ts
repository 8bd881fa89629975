/** HPACK, the header compression of HTTP/2: a decoder, and as much of an encoder as answers need. @see RFC 7541 */

/** What is wrong with a header block; the connection it came over cannot go on. */
export class HpackError extends Error {}

/** Told of each field, in order. Bytes of either text are the low bytes of its characters. */
export type FieldSink = (name: string, value: string) => void

/** Appendix A; the first is index 1. */
const staticFields: readonly (readonly [name: string, value: string])[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  [':status', '200'],
  [':status', '204'],
  [':status', '206'],
  [':status', '304'],
  [':status', '400'],
  [':status', '404'],
  [':status', '500'],
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language',
    'accept-ranges',
    'accept',
    'access-control-allow-origin',
    'age',
    'allow',
    'authorization',
    'cache-control',
    'content-disposition',
    'content-encoding',
    'content-language',
    'content-length',
    'content-location',
    'content-range',
    'content-type',
    'cookie',
    'date',
    'etag',
    'expect',
    'expires',
    'from',
    'host',
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-range',
    'if-unmodified-since',
    'last-modified',
    'link',
    'location',
    'max-forwards',
    'proxy-authenticate',
    'proxy-authorization',
    'range',
    'referer',
    'refresh',
    'retry-after',
    'server',
    'set-cookie',
    'strict-transport-security',
    'transfer-encoding',
    'user-agent',
    'vary',
    'via',
    'www-authenticate',
  ].map((name) => [name, ''] as const),
]

/**
 * Appendix B: lengths in bits of the codes of bytes 0 to 255 and of the end mark, in base 36. The code is canonical: codes
 * of one length count upwards with the symbol, and the lengths say the rest.
 */
const codeLengths = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
  'u',
].join('')

const endMark = 256

/** The code as a tree: entry 2n + bit is the next node, or −1 − symbol. */
const huffmanTree: Int16Array = (() => {
  const tree = new Int16Array(2 * endMark)
  let nodes = 1
  let code = 0
  let before = 0
  const symbols = Array.from({ length: endMark + 1 }, (_, symbol) => ({ symbol, length: Number.parseInt(codeLengths[symbol] ?? '', 36) }))
  for (const { symbol, length } of symbols.sort((a, b) => a.length - b.length || a.symbol - b.symbol)) {
    code *= 2 ** (length - before)
    before = length
    let node = 0
    for (let bit = length - 1; bit > 0; bit--) {
      const at = node * 2 + ((code >>> bit) & 1)
      if (tree[at] === 0) tree[at] = nodes++
      node = tree[at] as number
    }
    tree[node * 2 + (code & 1)] = -1 - symbol
    code++
  }
  return tree
})()

/** Where texts are put together, for all connections: decoding one never waits. Grows to the longest text there was. */
let scratch: Buffer = Buffer.allocUnsafeSlow(4096)

const noBytes: Buffer = Buffer.alloc(0)

/** What an entry counts beyond its text. */
const entryOverhead = 32

/** Decodes the header blocks of one connection; its table lives as long as the connection does. */
export class HpackDecoder {
  /** The dynamic table, oldest first; what lies before `first` is gone. */
  private names: string[] = []
  private values: string[] = []
  private first = 0
  private tableBytes = 0
  private maxBytes: number
  private readonly allowedBytes: number
  private bytes: Buffer = noBytes
  private at = 0
  private end = 0

  /** @param tableBytes SETTINGS_HEADER_TABLE_SIZE that we announce; 4096 when we announce none */
  constructor(tableBytes = 4096) {
    this.maxBytes = tableBytes
    this.allowedBytes = tableBytes
  }

  /** Decodes a whole block. Throws {@link HpackError}. */
  decode(bytes: Buffer, start: number, end: number, sink: FieldSink): void {
    this.bytes = bytes
    this.at = start
    this.end = end
    let seen = false
    while (this.at < end) {
      const first = bytes[this.at] as number
      if (first >= 0x80) {
        const index = this.integer(0x7f)
        sink(this.nameAt(index), this.valueAt(index))
      } else if (first >= 0x40) {
        const index = this.integer(0x3f)
        const name = index === 0 ? this.text() : this.nameAt(index)
        const value = this.text()
        this.add(name, value)
        sink(name, value)
      } else if (first >= 0x20) {
        if (seen) throw new HpackError('a table size after a field')
        const size = this.integer(0x1f)
        if (size > this.allowedBytes) throw new HpackError('a table larger than allowed')
        this.maxBytes = size
        this.evict(0)
        continue
      } else {
        const index = this.integer(0x0f)
        const name = index === 0 ? this.text() : this.nameAt(index)
        sink(name, this.text())
      }
      seen = true
    }
    // A connection that is silent from here on is to keep no block in memory.
    this.bytes = noBytes
  }

  private integer(mask: number): number {
    let value = (this.bytes[this.at++] as number) & mask
    if (value < mask) return value
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.at >= this.end) throw new HpackError('a cut off number')
      const byte = this.bytes[this.at++] as number
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
    throw new HpackError('a number that is too large')
  }

  private text(): string {
    if (this.at >= this.end) throw new HpackError('a cut off field')
    const huffman = ((this.bytes[this.at] as number) & 0x80) !== 0
    const length = this.integer(0x7f)
    const start = this.at
    const end = start + length
    if (end > this.end) throw new HpackError('a text longer than its block')
    this.at = end
    return huffman ? this.huffman(start, end) : this.bytes.toString('latin1', start, end)
  }

  private huffman(start: number, end: number): string {
    // The shortest codes have five bits.
    const most = ((end - start) * 8) / 5 + 1
    if (scratch.length < most) scratch = Buffer.allocUnsafeSlow(Math.ceil(most))
    const { bytes } = this
    const plain = scratch
    let filled = 0
    let node = 0
    // How many bits came since the last symbol, and whether all of them were ones: so ends are padded.
    let bits = 0
    let ones = true
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      for (let shift = 7; shift >= 0; shift--) {
        const bit = (byte >>> shift) & 1
        const next = huffmanTree[node * 2 + bit] as number
        bits++
        if (bit === 0) ones = false
        if (next >= 0) {
          node = next
          continue
        }
        if (next === -1 - endMark) throw new HpackError('the end mark in a text')
        plain[filled++] = -1 - next
        node = 0
        bits = 0
        ones = true
      }
    }
    if (bits > 7 || !ones) throw new HpackError('a text with wrong padding')
    return plain.toString('latin1', 0, filled)
  }

  private nameAt(index: number): string {
    if (index <= staticFields.length && index > 0) return (staticFields[index - 1] as readonly [string, string])[0]
    return this.names[this.slot(index)] as string
  }

  private valueAt(index: number): string {
    if (index <= staticFields.length && index > 0) return (staticFields[index - 1] as readonly [string, string])[1]
    return this.values[this.slot(index)] as string
  }

  private slot(index: number): number {
    const slot = this.names.length + staticFields.length - index
    if (index === 0 || slot < this.first) throw new HpackError('an index that is not in the table')
    return slot
  }

  private add(name: string, value: string): void {
    const bytes = name.length + value.length + entryOverhead
    this.evict(bytes)
    if (bytes > this.maxBytes) return
    this.names.push(name)
    this.values.push(value)
    this.tableBytes += bytes
  }

  /** Makes room for an entry. */
  private evict(bytes: number): void {
    while (this.tableBytes + bytes > this.maxBytes && this.first < this.names.length) {
      const { first } = this
      this.tableBytes -= (this.names[first] as string).length + (this.values[first] as string).length + entryOverhead
      this.names[first] = ''
      this.values[first] = ''
      this.first++
    }
    if (this.first < 64) return
    this.names = this.names.slice(this.first)
    this.values = this.values.slice(this.first)
    this.first = 0
  }
}

const putInteger = (out: number[], value: number, mask: number, high: number): void => {
  if (value < mask) {
    out.push(high | value)
    return
  }
  out.push(high | mask)
  let rest = value - mask
  for (; rest > 0x7f; rest >>>= 7) out.push((rest & 0x7f) | 0x80)
  out.push(rest)
}

const putText = (out: number[], text: string): void => {
  putInteger(out, text.length, 0x7f, 0)
  for (let at = 0; at < text.length; at++) out.push(text.charCodeAt(at) & 0xff)
}

/** A header block that touches no table: blocks made once can be sent over any connection, any number of times. */
export function encodeFields(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const out: number[] = []
  for (const [name, value] of fields) {
    const whole = staticFields.findIndex((one) => one[0] === name && one[1] === value)
    if (whole >= 0) {
      putInteger(out, whole + 1, 0x7f, 0x80)
      continue
    }
    const index = staticFields.findIndex((one) => one[0] === name)
    putInteger(out, index + 1, 0x0f, 0)
    if (index < 0) putText(out, name)
    putText(out, value)
  }
  return Uint8Array.from(out)
}
