/** IP addresses as text: which family a text is, and the one form of it that we write. */

import { sliceToString } from '../../otlp/attributes.ts'
import type { Slice, Text } from '../../otlp/model.ts'

/** Family of an address; 0: no address. */
export const Family = { None: 0, V4: 4, V6: 6 } as const

const recent = new Array<string>(256).fill('')
const recentWords = new Int32Array(256)

/** Dotted text of an IPv4 address in one word. */
export function formatIpv4(word: number): string {
  const slot = (word ^ (word >>> 8) ^ (word >>> 16)) & 0xff
  if (recentWords[slot] === word && recent[slot] !== '') return recent[slot] as string
  const text = `${word >>> 24}.${(word >>> 16) & 0xff}.${(word >>> 8) & 0xff}.${word & 0xff}`
  recentWords[slot] = word
  recent[slot] = text
  return text
}

/** True for four decimal numbers up to 255 without leading zeros, with dots between: text that needs no change. */
export function isDottedQuad(text: Slice): boolean {
  const { source, start, end } = text
  if (end - start < 7 || end - start > 15) return false
  let dots = 0
  let digits = 0
  let value = 0
  for (let at = start; at < end; at++) {
    const byte = source[at] as number
    if (byte === 0x2e) {
      if (digits === 0) return false
      dots++
      digits = 0
      value = 0
      continue
    }
    const digit = byte - 0x30
    if (digit < 0 || digit > 9 || (digits > 0 && value === 0)) return false
    digits++
    value = value * 10 + digit
    if (value > 255) return false
  }
  return dots === 3 && digits > 0
}

const quadText = /^(?:(?:0|[1-9]\d?|1\d\d|2[0-4]\d|25[0-5])(?:\.(?!$)|$)){4}$/

/** The 8 groups of an IPv6 text; undefined when it is none. */
function parseIpv6(text: string): number[] | undefined {
  if (text.length < 2 || text.length > 45 || !text.includes(':')) return undefined
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const front = groupsOf(halves[0] as string, halves.length === 1)
  const back = halves.length === 2 ? groupsOf(halves[1] as string, true) : []
  if (front === undefined || back === undefined) return undefined
  const missing = 8 - front.length - back.length
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined
  return [...front, ...new Array<number>(missing).fill(0), ...back]
}

/** Groups between colons; a dotted quad may be the last when `atEnd`. */
function groupsOf(text: string, atEnd: boolean): number[] | undefined {
  if (text === '') return []
  const parts = text.split(':')
  const groups: number[] = []
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i] as string
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) groups.push(Number.parseInt(part, 16))
    else if (atEnd && i === parts.length - 1 && quadText.test(part)) {
      const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
      groups.push((a << 8) | b, (c << 8) | d)
    } else return undefined
  }
  return groups
}

/** IPv4 text of an IPv4-mapped or IPv4-compatible address, as Zipkin has it (`::1` and `::` stay IPv6), else RFC 5952 text. */
function formatGroups(groups: readonly number[]): { family: number; text: string } {
  const [a, b, c, d, e, f, g = 0, h = 0] = groups
  const low = g * 65536 + h
  if ((a || b || c || d || e) === 0 && (f === 0xffff || (f === 0 && low > 1))) return { family: Family.V4, text: formatIpv4(low | 0) }
  return { family: Family.V6, text: formatIpv6(groups) }
}

/** RFC 5952: lower case, no leading zeros, the longest run of two or more zero groups (the first of equals) as `::`. */
function formatIpv6(groups: readonly number[]): string {
  let best = -1
  let bestLength = 1
  for (let i = 0; i < 8; i++) {
    let length = 0
    while (i + length < 8 && groups[i + length] === 0) length++
    if (length > bestLength) {
      best = i
      bestLength = length
    }
    if (length > 0) i += length - 1
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return best < 0 ? hex(groups) : `${hex(groups.slice(0, best))}::${hex(groups.slice(best + bestLength))}`
}

/** An address in its one form; family 0 when the text is none. */
export interface Address {
  readonly family: number
  readonly text: Text
}

export const noAddress: Address = { family: Family.None, text: '' }

/** The address that a text is, whichever field it stood in. */
export function parseAddress(text: Text): Address {
  if (typeof text !== 'string' && isDottedQuad(text)) return { family: Family.V4, text }
  const length = typeof text === 'string' ? text.length : text.end - text.start
  if (length > 45) return noAddress
  const string = typeof text === 'string' ? text : sliceToString(text.source, text.start, text.end)
  if (quadText.test(string)) return { family: Family.V4, text: string }
  const groups = parseIpv6(string)
  return groups === undefined ? noAddress : formatGroups(groups)
}

/** The address of 16 bytes. */
export function addressOfBytes(bytes: Slice): Address {
  const groups: number[] = []
  for (let i = 0; i < 8; i++) {
    groups.push(((bytes.source[bytes.start + i * 2] as number) << 8) | (bytes.source[bytes.start + i * 2 + 1] as number))
  }
  return formatGroups(groups)
}
