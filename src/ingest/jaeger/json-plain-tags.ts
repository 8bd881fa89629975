/** Tags of plain documents: lists of `{"key", "type", "value"}`, and tags as fields. */

import { boolValue, doubleValue, keyValue, sliceToString } from '../../otlp/attributes.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, noAttributes, ValueType } from '../../otlp/model.ts'
import { fromNumber, type Words } from '../../otlp/time.ts'
import { JsonNumber } from '../exact-json.ts'
import { JsonNames } from '../json-names.ts'
import type { JsonScanner } from '../json-scan.ts'
import { type KnownTag, KnownTags } from './json-known-tags.ts'
import { Char, isDigit, leave, takeDigits, takeString } from './json-plain.ts'
import { boolOf, bytesOf, bytesTag, doubleOf, int64Of, int64Tag, untypedTag } from './json-values.ts'

/** What a tag's value is read as; `Field`: by its JSON type. */
const TagType = { String: 0, Bool: 1, Int64: 2, Float64: 3, Binary: 4, Field: 5 } as const

const types: ReadonlyMap<string, number> = new Map([
  ['string', TagType.String],
  ['bool', TagType.Bool],
  ['int64', TagType.Int64],
  ['float64', TagType.Float64],
  ['binary', TagType.Binary],
])

/** Keys beyond those of the table. The other reader refuses a body with twice as many; its count must not be used up here. */
const maxLooseKeys = 50_000

/** Members of a tag, in the only order in which they are read here: nobody writes another one. */
const Member = { Key: 0, Type: 1, Value: 2 } as const

export class PlainTags {
  private readonly scanner: JsonScanner
  private readonly keys: KeyTable
  private readonly maxAttributes: number
  private readonly fieldKey: (stored: string) => string
  private readonly names = new JsonNames(['key', 'type', 'value'])
  private readonly listed = new KnownTags()
  private readonly fields = new KnownTags()
  private readonly words: Words = { hi: 0, lo: 0 }
  /** Number of the object of fields that is read. */
  private object = 0
  /** Tags of a list before it is known how many they are. */
  private readonly read: KeyValue[] = []

  constructor(scanner: JsonScanner, keys: KeyTable, maxAttributes: number, fieldKey: (stored: string) => string) {
    this.scanner = scanner
    this.keys = keys
    this.maxAttributes = maxAttributes
    this.fieldKey = fieldKey
  }

  /** Goes on with what the scanner was given; the table of keys was renewed. */
  open(): void {
    this.listed.open(this.scanner.view)
    this.fields.open(this.scanner.view)
    this.object = 0
  }

  /** A list of tags. */
  list(first: number): readonly KeyValue[] {
    const { scanner, listed, read, maxAttributes } = this
    if (first === Char.Null) {
      if (scanner.literal(first) !== -1) leave()
      return noAttributes
    }
    if (first !== Char.OpenList) leave()
    listed.begin()
    let count = 0
    for (let byte = scanner.open(Char.CloseList); byte !== 0; byte = scanner.next(Char.CloseList)) {
      if (byte !== Char.OpenObject || count >= maxAttributes) leave()
      const known = listed.at(scanner.at, scanner.end)
      if (known === undefined) read[count++] = this.unknownTag()
      else {
        scanner.at += known.length
        read[count++] = this.value(known.key, known.type)
        if (scanner.next(Char.CloseObject) !== 0) leave()
      }
    }
    return this.taken(count)
  }

  /** The tags that stand as fields of an object, behind those of the list. */
  behind(tags: readonly KeyValue[], first: number): readonly KeyValue[] {
    const { scanner, fields, read } = this
    if (first === Char.Null) {
      if (scanner.literal(first) !== -1) leave()
      return tags
    }
    if (first !== Char.OpenObject) leave()
    fields.begin()
    const object = ++this.object
    let count = 0
    for (; count < tags.length; count++) read[count] = tags[count] as KeyValue
    for (let byte = scanner.open(Char.CloseObject); byte !== 0; byte = scanner.next(Char.CloseObject)) {
      let known = fields.at(scanner.at, scanner.end)
      if (known === undefined) known = this.unknownField(byte)
      else scanner.at += known.length
      // Of a name that comes twice the last value counts, at the place of the first.
      if (known.stamp === object) leave()
      known.stamp = object
      read[count++] = this.value(known.key, TagType.Field)
    }
    return this.taken(count)
  }

  private taken(count: number): readonly KeyValue[] {
    if (count === 0) return noAttributes
    const { read } = this
    const list = read.slice(0, count)
    // One list without end is not to hold memory for ever.
    if (count > 64) read.length = 0
    return list
  }

  private key(text: string): Key {
    const key = this.keys.ofText(text)
    return this.keys.loose > maxLooseKeys ? leave() : key
  }

  private unknownTag(): KeyValue {
    const { scanner, names, listed } = this
    const from = scanner.at
    if (scanner.open(Char.CloseObject) !== Char.Quote || names.read(scanner, -1) !== Member.Key) leave()
    takeString(scanner, scanner.value())
    let isWhole = !scanner.escaped
    const key = this.keys.find(scanner.bytes, scanner.view, scanner.start, scanner.stop)
    if (this.keys.loose > maxLooseKeys) leave()
    if (scanner.next(Char.CloseObject) !== Char.Quote) leave()
    let member = names.read(scanner, Member.Key)
    let type: number = TagType.String
    if (member === Member.Type) {
      takeString(scanner, scanner.value())
      isWhole &&= !scanner.escaped
      type = types.get(sliceToString(scanner.bytes, scanner.start, scanner.stop)) ?? leave()
      if (scanner.next(Char.CloseObject) !== Char.Quote) leave()
      member = names.read(scanner, Member.Type)
    }
    if (member !== Member.Value) leave()
    scanner.value()
    const length = scanner.at - from
    const value = this.value(key, type)
    if (scanner.next(Char.CloseObject) !== 0) leave()
    const known = listed.find(key)
    if (known?.type === type) listed.follow(known)
    else listed.add(key, isWhole ? from : -1, length, key, type)
    return value
  }

  private unknownField(byte: number): KnownTag {
    const { scanner, fields } = this
    const from = scanner.at
    takeString(scanner, byte)
    const isWhole = !scanner.escaped
    const stored = sliceToString(scanner.bytes, scanner.start, scanner.stop)
    scanner.colon()
    const known = fields.find(stored)
    if (known !== undefined) return fields.follow(known)
    if (fields.isFull) leave()
    return fields.add(stored, isWhole ? from : -1, scanner.at - from, this.key(this.fieldKey(stored)), TagType.Field)
  }

  /** The value at the scanner, as a tag. */
  private value(key: Key, type: number): KeyValue {
    const { scanner } = this
    const first = scanner.value()
    if (first === Char.Quote) {
      scanner.string()
      if (type === TagType.String || type === TagType.Field)
        return keyValue(key, ValueType.Text, scanner.start, scanner.stop, scanner.bytes)
      return this.written(key, type, sliceToString(scanner.bytes, scanner.start, scanner.stop))
    }
    if (first === Char.Minus || isDigit(first)) {
      if (type === TagType.Field || type === TagType.Int64) {
        const { words } = this
        const whole = takeDigits(scanner)
        if (whole >= 0) {
          fromNumber(whole, words)
          return keyValue(key, ValueType.Int, words.hi, words.lo, null)
        }
      }
      scanner.number()
      const text = sliceToString(scanner.bytes, scanner.start, scanner.stop)
      if (type === TagType.Field) return untypedTag(key, new JsonNumber(text)) ?? leave()
      return type === TagType.Int64 || type === TagType.Float64 ? this.written(key, type, text) : leave()
    }
    if ((first === Char.True || first === Char.False) && (type === TagType.Bool || type === TagType.Field)) {
      return boolValue(key, scanner.literal(first) === 1)
    }
    return leave()
  }

  /** A value of a type, from its text. */
  private written(key: Key, type: number, text: string): KeyValue {
    switch (type) {
      case TagType.Bool:
        return boolValue(key, boolOf(text) ?? leave())
      case TagType.Int64:
        return int64Tag(key, int64Of(text) ?? leave())
      case TagType.Float64:
        return doubleValue(key, doubleOf(text) ?? leave())
      default:
        return bytesTag(key, bytesOf(text, 'hex') ?? leave())
    }
  }
}
