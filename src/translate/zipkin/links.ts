/** Tags `otlp.link.N` → links (rule Z-G11). */

import { textOf, textToString } from '../../otlp/attributes.ts'
import { hexToWords } from '../../otlp/ids.ts'
import { type KeyValue, type Link, noAttributes, noLinks } from '../../otlp/model.ts'
import { objectToAttributes, parseObject } from './json-attributes.ts'

const encoder = new TextEncoder()

/** Links in the order of their numbers, however they stood; tags that are none are appended to `attributes`. */
export function linksOf(tags: KeyValue[], attributes: KeyValue[]): readonly Link[] {
  const links: { number: number; link: Link }[] = []
  for (const tag of tags) {
    const link = linkOf(tag)
    if (link === undefined) attributes.push(tag)
    else links.push({ number: Number(tag.key.text.slice('otlp.link.'.length)), link })
  }
  if (links.length === 0) return noLinks
  return links.sort((left, right) => left.number - right.number).map(({ link }) => link)
}

/** `trace|span|state|{json}|dropped`; the JSON may hold bars, the others not. */
function linkOf(tag: KeyValue): Link | undefined {
  const value = textOf(tag)
  if (value === undefined) return undefined
  const text = textToString(value)
  const first = text.indexOf('|')
  const second = text.indexOf('|', first + 1)
  const third = text.indexOf('|', second + 1)
  const last = text.lastIndexOf('|')
  if (first < 0 || second < 0 || third < 0 || last <= third) return undefined
  const trace = idOf(text.slice(0, first), 4)
  const span = idOf(text.slice(first + 1, second), 2)
  const digits = text.slice(last + 1)
  const packed = text.slice(third + 1, last)
  const dropped = digits === '' ? 0 : /^\d{1,10}$/.test(digits) ? Number(digits) : -1
  const object = packed === '' ? {} : parseObject(packed)
  if (trace === undefined || span === undefined || object === undefined || dropped < 0 || dropped > 0xffffffff) return undefined
  const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
  const [span0 = 0, span1 = 0] = span
  const list = objectToAttributes(object)
  return {
    trace0,
    trace1,
    trace2,
    trace3,
    span0,
    span1,
    traceState: text.slice(second + 1, third),
    attributes: list.length === 0 ? noAttributes : list,
    droppedAttributesCount: dropped,
    flags: 0,
  }
}

/** Words of a hex id that is not all zero. */
function idOf(hex: string, words: number): Int32Array | undefined {
  const out = new Int32Array(words)
  const bytes = encoder.encode(hex)
  return hexToWords(bytes, 0, bytes.length, out) && out.some((word) => word !== 0) ? out : undefined
}
