/**
 * A JSON document → its leaves (translate/elasticsearch/model.ts), in one scan over the bytes. Text stays slices of them, names are found by
 * what came after the last one the time before.
 *
 * Strict RFC 8259, as Elasticsearch is: control characters in strings, NaN and comments are refused. Of a name that comes twice the last counts.
 */

import { BridgeError, isBridgeError } from '../../errors.ts'
import { keyValue, lastWins, sliceToString } from '../../otlp/attributes.ts'
import { digitsToWords } from '../../otlp/json/decimal.ts'
import { createKey, createKeyTable } from '../../otlp/keys.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../otlp/model.ts'
import { fromDouble, type Words } from '../../otlp/time.ts'
import type { Entry, Field, FieldTable } from '../../translate/elasticsearch/fields.ts'
import type { Leaves } from '../../translate/elasticsearch/model.ts'
import { JsonScanner } from '../json-scan.ts'
import { DocumentShapes } from './decode-document-shapes.ts'

export interface DocumentLimits {
  /** Leaves of a document; more is OB_LIMIT_ITEMS. */
  readonly maxFields: number
  /** Values of lists in a document; more is OB_LIMIT_ITEMS. */
  readonly maxListValues: number
  /** Nesting of objects and lists; more is OB_LIMIT_DEPTH. */
  readonly maxDepth: number
  /** Bytes of a document; more is OB_LIMIT_LENGTH. */
  readonly maxBytes: number
}

export interface DocumentDecoderOptions {
  /** Empty lists and objects are leaves, too. */
  readonly keepEmpty: boolean
}

const Quote = 0x22
const OpenBrace = 0x7b
const CloseBrace = 0x7d
const OpenBracket = 0x5b
const CloseBracket = 0x5d

const noBytes = new Uint8Array(0)
/** Of values within lists. */
const noKey = createKey('')

/**
 * Names of leaves, each with those above it, may be so many times as long as their document, or longer by so many bytes: without that a document of
 * 200 kB of which 10,000 leaves have one long name above them would be a gigabyte of attributes.
 */
const namesRatio = 16
const namesRoom = 4096
const mostNames = 8 * 1024 * 1024
/** Names for each field that a document may have: those of objects, and of what is left out. */
const namesPerField = 4
/** Lengths as above of names of objects, which are read and not written. */
const objectsRoom = 128 * 1024

/**
 * Messages that a list, and an object within one, are in protobuf, and how many of them may be within each other: readers stop at a hundred, and with
 * one record refuse a whole request. What nests deeper stays JSON. See `deepestNesting` of translate/elasticsearch/nest.ts, which comes before these.
 */
const listLevels = 2
const mapLevels = 3
const mostLevels = 36

/** Reads documents of a piece. One for each listener; not to be used while it reads. */
export class DocumentDecoder {
  private readonly table: FieldTable<unknown>
  private readonly limits: DocumentLimits
  private readonly keepEmpty: boolean
  private readonly scanner: JsonScanner
  private readonly words: Words = { hi: 0, lo: 0 }
  private readonly keys = createKeyTable(() => 0, 4096)
  private leaves: Leaves
  private stamp = 0
  private listValues = 0
  /** Characters of names so far: of leaves, and of everything; and the most there may be. */
  private leafNames = 0
  private names = 0
  private mostLeafNames = 0
  /** Names that were looked for: those that came where they were expected are not. */
  private lookups = 0
  /** A text of the document had escapes. */
  private isEscaped = false
  private readonly shapes: DocumentShapes

  constructor(table: FieldTable<unknown>, leaves: Leaves, limits: DocumentLimits, options: DocumentDecoderOptions) {
    this.table = table
    this.leaves = leaves
    this.limits = limits
    this.keepEmpty = options.keepEmpty
    this.scanner = new JsonScanner(noBytes, limits.maxBytes, true)
    this.shapes = new DocumentShapes(this.scanner, leaves, (row) => this.takeNumber(row))
  }

  /** Begins a piece: valid UTF-8, at least where documents are read. Text with escapes is unescaped in place. */
  open(piece: Uint8Array): void {
    this.table.renew()
    this.keys.renew()
    this.shapes.clear()
    this.scanner.reopen(piece)
  }

  /** Forgets the piece. */
  close(): void {
    this.shapes.clear()
    this.scanner.reopen(noBytes)
  }

  /**
   * Reads the object at bytes `start` to `end` into the leaves; false when something else than an object stands there. Throws OB_DECODE_JSON
   * when it is not JSON, and OB_LIMIT_*; what stands in the leaves is of no use then.
   */
  read(start: number, end: number): boolean {
    const { scanner, leaves } = this
    leaves.clear()
    if (end - start > this.limits.maxBytes)
      this.tooMuch('OB_LIMIT_LENGTH', `it has ${end - start} bytes, the limit is ${this.limits.maxBytes}`)
    scanner.within(start, end)
    if (this.shapes.read(start, end)) return true
    // It may have been one nearly.
    leaves.digits = 0
    this.stamp = this.table.begin()
    this.isEscaped = false
    this.listValues = 0
    this.leafNames = 0
    this.names = 0
    this.lookups = 0
    const bytes = end - start
    this.mostLeafNames = bytes + Math.min((namesRatio - 1) * bytes + namesRoom, mostNames)
    scanner.at = start
    if (scanner.peek() !== OpenBrace) return false
    this.object(this.table.root, 1)
    if (!scanner.atEnd()) scanner.fail('more follows the end of the document')
    // Within these, names cannot be too long for a shorter document either.
    if (!this.isEscaped && this.leafNames <= namesRoom && this.names <= objectsRoom) this.shapes.learn(start, end)
    return true
  }

  /**
   * The members of bytes that are one JSON object, maps within maps; undefined when they are anything else, or more than a document may be. To be
   * called between two documents; the bytes are the result's from then on.
   */
  members(bytes: Uint8Array): readonly KeyValue[] | undefined {
    const { scanner, leaves } = this
    const { bytes: piece } = scanner
    const { digits } = leaves
    this.listValues = 0
    try {
      scanner.reopen(bytes)
      if (scanner.peek() !== OpenBrace) return undefined
      const list = this.map(1, mapLevels)
      return scanner.atEnd() ? list : undefined
    } catch (error) {
      if (isBridgeError(error)) return undefined
      throw error
    } finally {
      leaves.digits = digits
      scanner.reopen(piece)
    }
  }

  private longNames(): never {
    this.tooMuch('OB_LIMIT_LENGTH', 'the names of its fields, each with those above it, are far longer than it is')
  }

  private tooMuch(code: 'OB_LIMIT_LENGTH' | 'OB_LIMIT_ITEMS' | 'OB_LIMIT_DEPTH', cause: string): never {
    throw new BridgeError(code, `cannot read the document: ${cause}`)
  }

  /** Takes the members of an object; the scanner is at its brace. */
  private object(parent: Entry, depth: number): void {
    const { scanner } = this
    if (depth > this.limits.maxDepth) this.tooMuch('OB_LIMIT_DEPTH', `it is nested deeper than ${this.limits.maxDepth}`)
    let byte = scanner.open(CloseBrace)
    let previous: Entry | undefined
    while (byte !== 0) {
      if (byte !== Quote) scanner.fail('expected a name')
      const entry = this.name(parent, previous)
      previous = entry
      if ((this.names += entry.field.path.length) > this.mostLeafNames + objectsRoom) this.longNames()
      byte = scanner.value()
      if (byte === OpenBrace) {
        const before = this.leaves.count + this.leaves.conflicts
        this.object(entry, depth + 1)
        if (this.keepEmpty && this.leaves.count + this.leaves.conflicts === before) this.emptyObject(entry.field)
      } else this.leaf(entry.field, byte, depth)
      byte = scanner.next(CloseBrace)
    }
  }

  /** Takes a name and its colon: first tries what came here before. */
  private name(parent: Entry, previous: Entry | undefined): Entry {
    const { scanner } = this
    const at = scanner.at + 1
    const guess = previous === undefined ? parent.child : previous.next
    if (guess !== undefined && this.matches(guess, at)) {
      scanner.at = at + guess.length
      return guess
    }
    const second = previous === undefined ? parent.child2 : previous.next2
    const entry = second !== undefined && this.matches(second, at) ? this.took(second, at) : this.newName(parent)
    if (previous === undefined) {
      parent.child2 = guess
      parent.child = entry
    } else {
      previous.next2 = guess
      previous.next = entry
    }
    return entry
  }

  private took(entry: Entry, at: number): Entry {
    this.scanner.at = at + entry.length
    return entry
  }

  /** True when the name and the colon of an entry stand at `at`. */
  private matches(entry: Entry, at: number): boolean {
    const { words, length } = entry
    const { view, end } = this.scanner
    const last = words.length - 1
    // The last word may reach three bytes beyond the name: they must be there, although they do not count.
    if (length === 0 || at + length + 4 > end) return false
    let from = at
    for (let i = 0; i < last; i++, from += 4) if (view.getInt32(from, true) !== words[i]) return false
    return (view.getInt32(from, true) & entry.mask) === words[last]
  }

  private newName(parent: Entry): Entry {
    const { scanner } = this
    scanner.string()
    const { start, stop, escaped } = scanner
    // Looked at before it is made: what is null or empty is no field, but has a name that is remembered as long as the document is under way.
    const mostLookups = namesPerField * this.limits.maxFields
    if (++this.lookups > mostLookups) this.tooMuch('OB_LIMIT_ITEMS', `it has more than ${mostLookups} names`)
    if (this.names + parent.field.path.length + stop - start > this.mostLeafNames + objectsRoom) this.longNames()
    const entry = this.table.find(parent, sliceToString(scanner.bytes, start, stop), escaped)
    scanner.colon()
    return entry
  }

  /** Takes a value that is no object. @param first its first byte */
  private leaf(field: Field, first: number, depth: number): void {
    const { scanner } = this
    switch (first) {
      case Quote:
        scanner.string()
        this.isEscaped ||= scanner.escaped
        this.row(field, ValueType.Text, scanner.start, scanner.stop)
        return
      case OpenBracket: {
        const values = this.list(depth + 1, listLevels)
        if (values.length > 0 || this.keepEmpty) this.row(field, ValueType.Array, this.leaves.list(values), 0)
        return
      }
      case 0x74:
      case 0x66:
      case 0x6e: {
        const { at } = scanner
        const word = scanner.literal(first)
        if (word < 0) return
        const row = this.row(field, ValueType.Bool, word, 0)
        this.leaves.starts[row] = at
        this.leaves.ends[row] = scanner.at
        return
      }
      default:
        // The words of the number come when there is a row.
        this.takeNumber(this.row(field, ValueType.Int, 0, 0))
    }
  }

  /** Takes the number at the scanner into a row. */
  private takeNumber(row: number): void {
    const { scanner, words, leaves } = this
    const type = this.number()
    leaves.types[row] = type
    leaves.a[row] = type === ValueType.Text ? scanner.start : words.hi
    leaves.b[row] = type === ValueType.Text ? scanner.stop : words.lo
    leaves.starts[row] = scanner.start
    leaves.ends[row] = scanner.stop
  }

  private emptyObject(field: Field): void {
    this.row(field, ValueType.KvList, this.leaves.list([]), 0)
  }

  private row(field: Field, type: number, a: number, b: number): number {
    const { leaves } = this
    let row = leaves.count
    if (field.stamp === this.stamp) {
      row = field.row
      leaves.conflicts++
    } else {
      if (row >= this.limits.maxFields) this.tooMuch('OB_LIMIT_ITEMS', `it has more than ${this.limits.maxFields} fields`)
      if ((this.leafNames += field.path.length) > this.mostLeafNames) this.longNames()
      if (row === leaves.types.length) leaves.grow()
      leaves.count = row + 1
      field.stamp = this.stamp
      field.row = row
      leaves.fields[row] = field
    }
    leaves.types[row] = type
    leaves.a[row] = a
    leaves.b[row] = b
    return row
  }

  /** Takes a number into `words`. Returns Int or Double, or Text where neither holds it. */
  private number(): number {
    const { scanner, words } = this
    if (!scanner.number()) return this.double()
    const { bytes, start, stop } = scanner
    const negative = bytes[start] === 0x2d
    const first = negative ? start + 1 : start
    if (stop - first <= 9) {
      let value = 0
      for (let at = first; at < stop; at++) value = value * 10 + (bytes[at] as number) - 0x30
      words.hi = negative && value !== 0 ? -1 : 0
      words.lo = negative ? -value | 0 : value
      return ValueType.Int
    }
    if (!digitsToWords(bytes, first, stop, words)) return this.digits()
    if (!negative) return words.hi < 0 ? this.digits() : ValueType.Int
    if (words.hi < 0 && (words.hi !== -0x80000000 || words.lo !== 0)) return this.digits()
    words.lo = -words.lo | 0
    words.hi = (~words.hi + (words.lo === 0 ? 1 : 0)) | 0
    return ValueType.Int
  }

  private double(): number {
    const { scanner } = this
    const value = Number(sliceToString(scanner.bytes, scanner.start, scanner.stop))
    if (!Number.isFinite(value)) return this.digits()
    fromDouble(value, this.words)
    return ValueType.Double
  }

  private digits(): number {
    this.leaves.digits++
    return ValueType.Text
  }

  /** Takes a list; the scanner is at its bracket. Null is an empty value, so that the others keep their places. */
  private list(depth: number, levels: number): readonly AnyValue[] {
    const { scanner } = this
    if (depth > this.limits.maxDepth) this.tooMuch('OB_LIMIT_DEPTH', `it is nested deeper than ${this.limits.maxDepth}`)
    const values: AnyValue[] = []
    for (let byte = scanner.open(CloseBracket); byte !== 0; byte = scanner.next(CloseBracket)) values.push(this.value(byte, depth, levels))
    return values
  }

  /** Takes a value within a list. @param levels messages that it is in */
  private value(first: number, depth: number, levels: number): KeyValue {
    const { scanner, words } = this
    if (++this.listValues > this.limits.maxListValues) {
      this.tooMuch('OB_LIMIT_ITEMS', `its lists have more than ${this.limits.maxListValues} values`)
    }
    switch (first) {
      case Quote:
        scanner.string()
        return keyValue(noKey, ValueType.Text, scanner.start, scanner.stop, scanner.bytes)
      case OpenBracket:
        if (levels + listLevels > mostLevels) return this.json(first, depth)
        return keyValue(noKey, ValueType.Array, 0, 0, this.list(depth + 1, levels + listLevels))
      case OpenBrace:
        if (levels + mapLevels > mostLevels) return this.json(first, depth)
        return keyValue(noKey, ValueType.KvList, 0, 0, this.map(depth + 1, levels + mapLevels))
      case 0x74:
      case 0x66:
      case 0x6e: {
        const word = scanner.literal(first)
        return word < 0 ? keyValue(noKey, ValueType.Empty, 0, 0, null) : keyValue(noKey, ValueType.Bool, word, 0, null)
      }
      default: {
        const type = this.number()
        return type === ValueType.Text
          ? keyValue(noKey, type, scanner.start, scanner.stop, scanner.bytes)
          : keyValue(noKey, type, words.hi, words.lo, null)
      }
    }
  }

  /** Takes a list or an object as it is written. */
  private json(first: number, depth: number): KeyValue {
    const { scanner } = this
    const start = scanner.at
    scanner.skip(first, this.limits.maxDepth - depth)
    return keyValue(noKey, ValueType.Text, start, scanner.at, scanner.bytes)
  }

  /** Takes an object within a list: its members as they are, the last one of each name; null and what is empty left out. */
  private map(depth: number, levels: number): readonly KeyValue[] {
    const { scanner } = this
    if (depth > this.limits.maxDepth) this.tooMuch('OB_LIMIT_DEPTH', `it is nested deeper than ${this.limits.maxDepth}`)
    const list: KeyValue[] = []
    for (let byte = scanner.open(CloseBrace); byte !== 0; byte = scanner.next(CloseBrace)) {
      if (byte !== Quote) scanner.fail('expected a name')
      scanner.string()
      const key = this.keys.find(scanner.bytes, scanner.view, scanner.start, scanner.stop)
      const value = this.value(scanner.colon(), depth, levels)
      if (value.type === ValueType.Empty || (!this.keepEmpty && isEmptyList(value))) continue
      list.push(keyValue(key, value.type, value.a, value.b, value.ref))
    }
    return lastWins(list)
  }
}

const isEmptyList = ({ type, ref }: AnyValue): boolean =>
  (type === ValueType.Array || type === ValueType.KvList) && (ref as readonly AnyValue[]).length === 0
