/**
 * Fields that messages of several signals have: names, counts, attributes and their values (see writer.ts).
 *
 *     KeyValue        key 1  value 2
 *     AnyValue        string 1  bool 2  int 3  double 4  array 5  kvlist 6  bytes 7
 */

import { type AnyValue, type KeyValue, type Text, ValueType } from '../model.ts'
import type { ReverseWriter } from './writer.ts'

/** A uint32 field. */
export function writeUint32(writer: ReverseWriter, value: number, tag: number): void {
  writer.ensure(6)
  writer.varint(value)
  writer.byte(tag)
}

/** A text field that proto3 leaves out when empty; what is not UTF-8 is repaired. */
export function writeName(writer: ReverseWriter, text: Text, tag: number): void {
  let length: number
  if (typeof text === 'string') {
    if (text === '') return
    length = writer.string(text)
  } else {
    if (text.start === text.end) return
    length = writer.sliceRepaired(text.source, text.start, text.end)
  }
  writer.ensure(6)
  writer.varint(length)
  writer.byte(tag)
}

/** A list of attributes, each a field of its own. */
export function writeAttributes(writer: ReverseWriter, attributes: readonly KeyValue[], tag: number): void {
  for (let i = attributes.length - 1; i >= 0; i--) writeKeyValue(writer, attributes[i] as KeyValue, tag)
}

function writeKeyValue(writer: ReverseWriter, attribute: KeyValue, tag: number): void {
  const { key, type } = attribute
  if (
    type === ValueType.Text &&
    writer.shortText(attribute.ref as Uint8Array, attribute.a, attribute.b, key.words, key.fieldBytes, tag, false)
  ) {
    return
  }
  const before = writer.written()
  writeAnyValue(writer, attribute)
  writer.ensure(key.fieldBytes + 16)
  writer.varint(writer.written() - before)
  writer.byte(0x12)
  writer.words(key.words, key.fieldBytes)
  writer.varint(writer.written() - before)
  writer.byte(tag)
}

/** The content of an AnyValue; an empty one has none. */
export function writeAnyValue(writer: ReverseWriter, value: AnyValue): void {
  switch (value.type) {
    case ValueType.Text: {
      const length = value.b - value.a
      writer.ensure(length + 24)
      const isText = writer.slice(value.ref as Uint8Array, value.a, value.b)
      writer.varint(length)
      writer.byte(isText ? 0x0a : 0x3a)
      return
    }
    case ValueType.Int:
      writer.ensure(24)
      writer.varint64(value.a, value.b)
      writer.byte(0x18)
      return
    case ValueType.String: {
      const length = writer.string(value.ref as string)
      writer.ensure(24)
      writer.varint(length)
      writer.byte(0x0a)
      return
    }
    case ValueType.Bool:
      writer.ensure(24)
      writer.byte(value.a)
      writer.byte(0x10)
      return
    case ValueType.Double:
      writer.ensure(24)
      writer.fixed64(value.a, value.b)
      writer.byte(0x21)
      return
    case ValueType.Bytes:
      writer.raw(value.ref as Uint8Array, value.a, value.b)
      writer.ensure(24)
      writer.varint(value.b - value.a)
      writer.byte(0x3a)
      return
    case ValueType.Array: {
      const before = writer.written()
      const values = value.ref as readonly AnyValue[]
      for (let i = values.length - 1; i >= 0; i--) {
        const beforeOne = writer.written()
        writeAnyValue(writer, values[i] as AnyValue)
        writer.field(0x0a, beforeOne)
      }
      writer.field(0x2a, before)
      return
    }
    case ValueType.KvList: {
      const before = writer.written()
      writeAttributes(writer, value.ref as readonly KeyValue[], 0x0a)
      writer.field(0x32, before)
      return
    }
  }
}
