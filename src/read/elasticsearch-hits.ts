/**
 * The hits of an answer to a search, found by scanning its bytes once: nothing is decoded, no object is made for a hit. What a number or a text is
 * in a document stays as it was sent.
 */

import { BridgeError } from '../errors.ts'
import { freeMessage } from '../otlp/encode/chunks.ts'

/** Columns of {@link HitTable}; each holds start and end of a value in the body, 0 and 0 where there is none. */
export const HitColumn = { Index: 0, Id: 1, Source: 2, Fields: 3, Sort: 4, Wanted: 5 } as const

/** A member of `_source` that is looked for while the source is passed over: its place is known then for nothing. At most 8. */
export type WantedMember = string

const Quote = 0x22
const Backslash = 0x5c
const Comma = 0x2c
const Colon = 0x3a

const names = ['_index', '_id', '_source', 'fields', 'sort'].map((name) => Buffer.from(name))

const fault = (what: string, at: number): BridgeError =>
  new BridgeError('OB_SOURCE', `source_error: cannot read the answer to a search: ${what} at byte ${at}`)

/** What an answer says beside its hits. */
export interface SearchHead {
  readonly pitId: string | undefined
  readonly scrollId: string | undefined
  readonly timedOut: boolean
  readonly shards: ShardReport
}

export interface ShardReport {
  readonly total: number
  readonly successful: number
  readonly skipped: number
  readonly failed: number
  /** The first failure: shard, index and reason; empty without one. */
  readonly failure: string
}

interface FailureShape {
  readonly shard?: unknown
  readonly index?: unknown
  readonly reason?: { readonly type?: unknown; readonly reason?: unknown }
}

const shardsOf = (json: string): ShardReport => {
  const read = JSON.parse(json) as Record<string, unknown> & { failures?: readonly FailureShape[] }
  const number = (key: string): number => (typeof read[key] === 'number' ? read[key] : 0)
  const [first] = read.failures ?? []
  const failure =
    first === undefined
      ? ''
      : `shard ${String(first.shard)} of ${String(first.index)}: ${String(first.reason?.type)}: ${String(first.reason?.reason)}`.slice(
          0,
          400,
        )
  return { total: number('total'), successful: number('successful'), skipped: number('skipped'), failed: number('failed'), failure }
}

/** All hits of one answer. */
export class HitTable {
  readonly body: Buffer
  count = 0
  /** False: the answer has no list of hits at all. */
  hasHits = false
  head: SearchHead
  private at = 0
  /** Of `body`. */
  readonly view: DataView
  private readonly wanted: readonly Buffer[]
  private readonly width: number
  private places: Int32Array

  /** Reads all of it. Throws OB_SOURCE for what is no JSON object. @param wanted members of `_source` whose places are columns from {@link HitColumn}.Wanted on */
  constructor(body: Buffer, wanted: readonly WantedMember[]) {
    this.body = body
    this.view = new DataView(body.buffer, body.byteOffset, body.byteLength)
    this.wanted = wanted.map((name) => Buffer.from(name))
    this.width = 2 * (HitColumn.Wanted + wanted.length)
    this.places = new Int32Array(this.width * 256)
    this.head = {
      pitId: undefined,
      scrollId: undefined,
      timedOut: false,
      shards: { total: 0, successful: 0, skipped: 0, failed: 0, failure: '' },
    }
    this.readAnswer()
  }

  start(row: number, column: number): number {
    return this.places[row * this.width + 2 * column] as number
  }

  end(row: number, column: number): number {
    return this.places[row * this.width + 2 * column + 1] as number
  }

  has(row: number, column: number): boolean {
    return this.end(row, column) > 0
  }

  /** The bytes of a value; empty where there is none. */
  bytes(row: number, column: number): Buffer {
    return this.body.subarray(this.start(row, column), this.end(row, column))
  }

  /** The bytes between the quotation marks of a text, escapes as they are. */
  inner(row: number, column: number): Buffer {
    const start = this.start(row, column)
    const end = this.end(row, column)
    return this.body[start] === Quote ? this.body.subarray(start + 1, end - 1) : this.body.subarray(start, end)
  }

  /** Gives back the memory of the answer, which nobody may look at any more. */
  release(): void {
    freeMessage(this.body)
  }

  /** A text. */
  text(row: number, column: number): string {
    if (!this.has(row, column)) return ''
    const value: unknown = JSON.parse(this.bytes(row, column).toString())
    return typeof value === 'string' ? value : ''
  }

  private readAnswer(): void {
    const { body } = this
    let pitId: string | undefined
    let scrollId: string | undefined
    let timedOut = false
    let { shards } = this.head
    this.open(0x7b)
    while (this.more(0x7d)) {
      const from = this.at
      this.passText()
      const name = body.toString('latin1', from + 1, this.at - 1)
      this.colon()
      const start = this.at
      if (name === 'hits' && body[start] === 0x7b) {
        this.readHits()
        continue
      }
      this.passValue()
      if (name === 'pit_id') pitId = this.parsed(start)
      else if (name === '_scroll_id') scrollId = this.parsed(start)
      else if (name === 'timed_out') timedOut = body[start] === 0x74
      else if (name === '_shards') shards = shardsOf(body.toString('utf8', start, this.at))
    }
    this.head = { pitId, scrollId, timedOut, shards }
  }

  private parsed(start: number): string | undefined {
    const value: unknown = JSON.parse(this.body.toString('utf8', start, this.at))
    return typeof value === 'string' ? value : undefined
  }

  private readHits(): void {
    const { body } = this
    this.open(0x7b)
    while (this.more(0x7d)) {
      const from = this.at
      this.passText()
      const isList = body.toString('latin1', from + 1, this.at - 1) === 'hits'
      this.colon()
      if (!isList || body[this.at] !== 0x5b) {
        this.passValue()
        continue
      }
      this.hasHits = true
      this.at++
      let before = -1
      while (this.more(0x5d)) {
        const start = this.at
        if (!this.readLike(before, start)) {
          this.at = start
          this.readHit()
        }
        before = start
      }
    }
  }

  private ensureRow(): void {
    const { width } = this
    if (this.count * width + width <= this.places.length) return
    const larger = new Int32Array(this.places.length * 2)
    larger.set(this.places)
    this.places = larger
  }

  /**
   * Reads the hit at `start` where it differs from the one before in nothing but id, source and sort values, as nearly all do: what stands between them
   * is compared with it. False: something is otherwise, and nothing was read. @param before where that one begins; −1: there is none
   */
  private readLike(before: number, start: number): boolean {
    if (before < 0) return false
    this.ensureRow()
    const { body, width, places } = this
    const row = this.count * width
    const last = row - width
    const idStart = places[last + 2 * HitColumn.Id] as number
    const idEnd = places[last + 2 * HitColumn.Id + 1] as number
    const sourceStart = places[last + 2 * HitColumn.Source] as number
    const sourceEnd = places[last + 2 * HitColumn.Source + 1] as number
    const sortStart = places[last + 2 * HitColumn.Sort] as number
    const sortEnd = places[last + 2 * HitColumn.Sort + 1] as number
    const isUsual =
      (places[last + 2 * HitColumn.Index] as number) < idStart &&
      idStart > before &&
      sourceStart > idEnd &&
      sortStart > sourceEnd &&
      (places[last + 2 * HitColumn.Fields + 1] as number) === 0
    if (!isUsual || body[idStart] !== Quote || body[sortEnd] !== 0x7d) return false
    const head = idStart + 1 - before
    if (!this.sameText(before, start, head)) return false
    let at = start + head
    for (let byte = body[at]; byte !== Quote; byte = body[++at]) if (byte === Backslash || byte === undefined) return false
    const id = at + 1
    const middle = sourceStart + 1 - idEnd
    if (!this.sameText(idEnd, id, middle)) return false
    this.at = id + middle - 1
    const source = this.at
    if (body[source] !== 0x7b) return false
    if (this.wanted.length > 0) {
      places.fill(0, row + 2 * HitColumn.Wanted, row + width)
      this.readSource(row)
    } else this.passValue()
    const behind = this.at
    const tail = sortStart + 1 - sourceEnd
    if (!this.sameText(sourceEnd, behind, tail)) return false
    this.at = behind + tail - 1
    const sort = this.at
    this.passValue()
    if (body[this.at] !== 0x7d) return false
    places[row + 2 * HitColumn.Id] = start + head - 1
    places[row + 2 * HitColumn.Id + 1] = id
    places[row + 2 * HitColumn.Source] = source
    places[row + 2 * HitColumn.Source + 1] = behind
    places[row + 2 * HitColumn.Sort] = sort
    places[row + 2 * HitColumn.Sort + 1] = this.at
    // It is a part of what was compared, or there is none.
    const index = places[last + 2 * HitColumn.Index] as number
    const moved = index === 0 ? 0 : start - before
    places[row + 2 * HitColumn.Index] = index + moved
    places[row + 2 * HitColumn.Index + 1] = (places[last + 2 * HitColumn.Index + 1] as number) + moved
    this.at++
    this.count++
    return true
  }

  private sameText(one: number, other: number, length: number): boolean {
    const { view } = this
    if (other + length > view.byteLength) return false
    let i = 0
    for (; i + 4 <= length; i += 4) if (view.getInt32(one + i, true) !== view.getInt32(other + i, true)) return false
    for (; i < length; i++) if (view.getUint8(one + i) !== view.getUint8(other + i)) return false
    return true
  }

  private readHit(): void {
    const { body, width } = this
    this.ensureRow()
    const { places } = this
    const row = this.count * width
    this.open(0x7b)
    while (this.more(0x7d)) {
      const from = this.at + 1
      this.passText()
      const column = columnOf(body, from, this.at - 1, names)
      this.colon()
      const start = this.at
      if (column === HitColumn.Source && body[start] === 0x7b && this.wanted.length > 0) this.readSource(row)
      else this.passValue()
      // A source that is `null` is none.
      if (column < 0 || body[start] === 0x6e) continue
      places[row + 2 * column] = start
      places[row + 2 * column + 1] = this.at
    }
    this.count++
  }

  /** Elasticsearch refuses documents with two members of a name: what is behind the last one that is wanted is passed over as a whole. */
  private readSource(row: number): void {
    const { body, places, wanted } = this
    let missing = wanted.length
    this.open(0x7b)
    while (this.more(0x7d)) {
      const from = this.at + 1
      this.passText()
      const column = columnOf(body, from, this.at - 1, wanted)
      this.colon()
      const start = this.at
      this.passValue()
      if (column < 0) continue
      const place = row + 2 * (HitColumn.Wanted + column)
      if (places[place + 1] === 0) missing--
      places[place] = start
      places[place + 1] = this.at
      if (missing === 0) {
        this.passNested(this.at, 1)
        this.space()
        return
      }
    }
  }

  private space(): void {
    const { body } = this
    let { at } = this
    let byte = body[at]
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = body[++at]
    this.at = at
  }

  private open(bracket: number): void {
    this.space()
    if (this.body[this.at] !== bracket) throw fault('a bracket is missing', this.at)
    this.at++
  }

  /** Stands before the next member or element, or behind the closing bracket. */
  private more(closing: number): boolean {
    this.space()
    const byte = this.body[this.at]
    if (byte === closing) {
      this.at++
      this.space()
      return false
    }
    if (byte === undefined) throw fault('it is cut off', this.at)
    if (byte === Comma) {
      this.at++
      this.space()
    }
    return true
  }

  private colon(): void {
    this.space()
    if (this.body[this.at] !== Colon) throw fault('a colon is missing', this.at)
    this.at++
    this.space()
  }

  /** Behind the text that begins here. */
  private passText(): void {
    const { body } = this
    let at = this.at
    if (body[at] !== Quote) throw fault('a text is missing', at)
    for (at++; ; at++) {
      const byte = body[at]
      if (byte === Quote) break
      if (byte === Backslash) at++
      else if (byte === undefined) throw fault('a text is cut off', at)
    }
    this.at = at + 1
  }

  /** Behind the value that begins here. */
  private passValue(): void {
    const { body } = this
    const start = this.at
    const first = body[start]
    if (first === Quote) {
      this.passText()
      return
    }
    if (first === 0x7b || first === 0x5b) {
      this.passNested(start + 1, 1)
      return
    }
    let at = start
    for (let byte = first; byte !== Comma && byte !== 0x7d && byte !== 0x5d; byte = body[++at]) {
      if (byte === undefined) throw fault('it is cut off', at)
      if (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) break
    }
    if (at === start) throw fault('a value is missing', at)
    this.at = at
  }

  /** Behind the bracket that closes the outermost of so many that are open. */
  private passNested(from: number, open: number): void {
    const { body, view } = this
    const end = body.length
    const last = end - 4
    let at = from
    let depth = open
    while (depth > 0) {
      while (at < end && marks[body[at] as number] === 0) at++
      if (at >= end) throw fault('it is cut off', at)
      const byte = body[at++]
      if (byte === Quote) {
        // Four bytes at a time, see JsonScanner.string.
        while (at <= last) {
          const word = view.getInt32(at, true)
          const quote = word ^ 0x22222222
          const slash = word ^ 0x5c5c5c5c
          const found = (((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash)) & 0x80808080
          if (found === 0) at += 4
          else {
            at += (31 - Math.clz32(found & -found)) >> 3
            if (body[at] === Quote) break
            at += 2
          }
        }
        // Within the last three bytes.
        while (at > last && body[at] !== Quote) {
          if (at >= end) throw fault('a text is cut off', at)
          at += body[at] === Backslash ? 2 : 1
        }
        at++
      } else if (byte === 0x7b || byte === 0x5b) depth++
      else depth--
    }
    this.at = at
  }
}

/** What counts between texts: brackets, and where a text begins. */
const marks = new Uint8Array(256)
for (const byte of [Quote, 0x7b, 0x7d, 0x5b, 0x5d]) marks[byte] = 1

/** Which of the names stands there; −1: none. */
function columnOf(body: Buffer, from: number, to: number, candidates: readonly Buffer[]): number {
  const length = to - from
  for (let i = 0; i < candidates.length; i++) {
    const name = candidates[i] as Buffer
    if (name.length !== length) continue
    let same = 0
    while (same < length && body[from + same] === name[same]) same++
    if (same === length) return i
  }
  return -1
}
