/** Annotations → events (rules Z-A1 to Z-A8). */

import { textToString } from '../../otlp/attributes.ts'
import { type Event, noAttributes, type Text } from '../../otlp/model.ts'
import { isObject, objectToAttributes, parseObject } from './json-attributes.ts'

const Bar = 0x7c
const Brace = 0x7b
const Quote = 0x22

/** What an annotation's text says; see {@link eventOf}. */
type Packed = Pick<Event, 'name' | 'attributes' | 'droppedAttributesCount'>

/** The event of an annotation. @param decode whether to look for attributes packed into the text */
export function eventOf(value: Text, timeHi: number, timeLo: number, decode: boolean): Event {
  const packed = decode && mayBePacked(value) ? unpack(textToString(value)) : undefined
  if (packed === undefined) return { timeHi, timeLo, name: value, attributes: noAttributes, droppedAttributesCount: 0 }
  const { name, attributes, droppedAttributesCount } = packed
  return { timeHi, timeLo, name, attributes, droppedAttributesCount }
}

/** A cheap look: JSON begins with a brace or a quote, the Collector's form ends in a digit and has a bar. */
function mayBePacked(value: Text): boolean {
  if (typeof value === 'string') return value.startsWith('{') || value.startsWith('"') || /\|\d+$/.test(value)
  const { source, start, end } = value
  const first = source[start]
  if (first === Brace || first === Quote) return true
  const last = source[end - 1] as number
  if (last < 0x30 || last > 0x39) return false
  for (let at = end - 2; at >= start; at--) {
    const byte = source[at] as number
    if (byte === Bar) return true
    if (byte < 0x30 || byte > 0x39) return false
  }
  return false
}

function unpack(text: string): Packed | undefined {
  switch (text.charCodeAt(0)) {
    case Brace:
      return unpackObject(text)
    case Quote:
      return unpackMember(text) ?? unpackBars(text)
    default:
      return unpackBars(text)
  }
}

/** `name|{json object}|digits`: the Collector's exporter. */
function unpackBars(text: string): Packed | undefined {
  const last = text.lastIndexOf('|')
  const first = text.indexOf('|{')
  if (first <= 0 || last <= first) return undefined
  const digits = text.slice(last + 1)
  const dropped = /^\d{1,10}$/.test(digits) ? Number(digits) : -1
  const object = dropped >= 0 && dropped <= 0xffffffff ? parseObject(text.slice(first + 1, last)) : undefined
  if (object === undefined) return undefined
  return { name: text.slice(0, first), attributes: objectToAttributes(object), droppedAttributesCount: dropped }
}

/** `"name":{…}`: the form of the OpenTelemetry specification. */
function unpackMember(text: string): Packed | undefined {
  const object = text.endsWith('}') ? parseObject(`{${text}}`) : undefined
  return object === undefined ? undefined : unpackSingle(object)
}

/** `{"name":{…}}` of the Python SDK, or the flat `{…,"event":"x",…}` of Jaeger's clients. */
function unpackObject(text: string): Packed | undefined {
  const object = parseObject(text)
  if (object === undefined) return unpackBars(text)
  const single = unpackSingle(object)
  if (single !== undefined) return single
  const { event } = object
  if (typeof event !== 'string' || event === '') return undefined
  return { name: event, attributes: objectToAttributes(object, 'event'), droppedAttributesCount: 0 }
}

function unpackSingle(object: Readonly<Record<string, unknown>>): Packed | undefined {
  const names = Object.keys(object)
  const [name] = names
  if (names.length !== 1 || name === undefined || name === '') return undefined
  const value = object[name]
  return isObject(value) ? { name, attributes: objectToAttributes(value), droppedAttributesCount: 0 } : undefined
}
