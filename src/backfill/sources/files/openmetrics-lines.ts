/**
 * Text of OpenMetrics, and of Prometheus before it, taken apart: `name{label="value"} 1.5 1762500000.123 # {} 1`. Families are cut apart here: what
 * belongs to one histogram at one time must come together, whatever the order of its series.
 */

import type { ByteSource } from './bytes.ts'
import { type FileRecord, lineRecords, maxRecordBytes, type RecordStream } from './records.ts'

/** One sample. */
export interface TextSample {
  readonly name: string
  /** Name, value, …, ascending by name, without `__name__`. */
  readonly labels: readonly string[]
  readonly value: number
  /** Undefined: the line has no time. */
  readonly ms: number | undefined
  readonly hasExemplar: boolean
}

const suffix = /_(?:bucket|sum|count|total|created|info|gsum|gcount)$/
/** Of families that are put together of several series. */
const member = /_(?:bucket|sum|count|gsum|gcount)$/

/** The name of a family, of any of its members. */
export const stemOf = (name: string): string => name.replace(suffix, '')

const comment = /^#\s*(HELP|TYPE|UNIT)\s+("(?:[^"\\]|\\.)*"|\S+)\s?(.*)$/

/** What a comment says of a family; undefined for other comments. */
export function commentOf(line: string): { readonly word: string; readonly family: string; readonly text: string } | undefined {
  const match = comment.exec(line)
  if (match === null) return undefined
  const [, word = '', name = '', text = ''] = match
  return { word, family: name.startsWith('"') ? unescaped(name.slice(1, -1)) : name, text: unescaped(text) }
}

const unescaped = (text: string): string =>
  text.includes('\\') ? text.replace(/\\(.)/g, (_, one: string) => (one === 'n' ? '\n' : one)) : text

const pair = /\s*(?:("(?:[^"\\]|\\.)*")|([^\s=,{}"]+))\s*(?:=\s*"((?:[^"\\]|\\.)*)")?\s*(,|\})/y

/** Seconds with fractions in OpenMetrics, whole milliseconds before it: no history is as old as what would be both. */
const leastMs = 1e11

function timeOf(text: string): number | undefined {
  const time = Number(text)
  if (!Number.isFinite(time)) return undefined
  return Number.isInteger(time) && Math.abs(time) >= leastMs ? time : Math.round(time * 1000)
}

const words: Readonly<Record<string, number>> = {
  nan: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
}

/** Undefined for what is no sample. */
export function sampleOf(line: string): TextSample | undefined {
  let at = /^\s*[^\s{]*/.exec(line)?.[0].length ?? 0
  let name = line.slice(0, at).trim()
  const found: [string, string][] = []
  if (line[at] === '{') {
    at++
    for (;;) {
      const rest = /^\s*\}/.exec(line.slice(at, at + 16))
      if (rest !== null) {
        at += rest[0].length
        break
      }
      pair.lastIndex = at
      const match = pair.exec(line)
      if (match === null) return undefined
      const [whole, quoted, plain = '', value, end] = match
      const label = quoted === undefined ? plain : unescaped(quoted.slice(1, -1))
      // A name that is no word stands in the brackets, alone.
      if (value === undefined) {
        if (name !== '' || quoted === undefined) return undefined
        name = label
      } else found.push([label, unescaped(value)])
      at += whole.length
      if (end === '}') break
    }
  }
  const [valueText = '', timeText, ...others] = line.slice(at).trim().split(/\s+/)
  const value = words[valueText.toLowerCase()] ?? (/^[-+]?[\d.]/.test(valueText) ? Number(valueText) : undefined)
  if (name === '' || value === undefined || (Number.isNaN(value) && valueText.toLowerCase() !== 'nan')) return undefined
  const isTime = timeText !== undefined && timeText !== '#'
  const ms = isTime ? timeOf(timeText) : undefined
  if (isTime && ms === undefined) return undefined
  found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  return { name, labels: found.flat(), value, ms, hasExemplar: timeText === '#' || others[0] === '#' }
}

/** Families of single series are cut behind so many bytes. */
const cutBytes = 256 * 1024

/**
 * Families, each with its comments in front, as records; large ones that need not be together are cut, and what comments said of them is in `state`.
 * @param state of the record before
 */
export async function* familyRecords(source: ByteSource, from: number, state: string): RecordStream {
  let lines: Uint8Array[] = state === '' ? [] : [Buffer.from(state)]
  let comments = state
  const last = commentOf(state.slice(state.lastIndexOf('\n') + 1))
  let stem: string | undefined = last === undefined ? undefined : stemOf(last.family)
  let isTogether = false
  let hasSamples = false
  let isTooLarge = false
  let bytes = 0
  let start = from
  let end = from
  const feed = Buffer.from('\n')

  const take = (next: string): FileRecord => {
    const record = {
      offset: start,
      end,
      state: next,
      bytes: Buffer.concat(lines.flatMap((line) => [line, feed])),
      fault: isTooLarge ? 'too_large' : '',
    }
    lines = next === '' ? [] : [Buffer.from(next)]
    hasSamples = false
    isTooLarge = false
    bytes = 0
    start = end
    return record
  }

  for await (const record of lineRecords(source, from, Number.POSITIVE_INFINITY)) {
    const line = Buffer.from(record.bytes).toString()
    if (record.fault === 'truncated' && line.trim() === '# EOF') break
    if (record.fault !== '') {
      if (hasSamples) yield take('')
      start = record.end
      end = record.end
      yield { ...record, state: '' }
      continue
    }
    const said = line.startsWith('#') ? commentOf(line) : undefined
    const name =
      said?.family ??
      (line.startsWith('#') ? undefined : (/^\s*(?:\{\s*"((?:[^"\\]|\\.)*)"|([^\s{]+))/.exec(line)?.slice(1).find(Boolean) ?? ''))
    if (name === undefined) {
      end = record.end
      continue
    }
    const isOther = stem !== undefined && stemOf(name) !== stem && !(said !== undefined && !hasSamples)
    if (isOther || (said !== undefined && hasSamples)) {
      if (hasSamples) yield take('')
      comments = ''
      lines = []
      isTogether = false
    }
    stem = stemOf(name)
    if (said !== undefined) {
      comments = `${comments === '' ? '' : `${comments}\n`}${line}`.slice(0, 8192)
      if (said.word === 'TYPE' && /histogram|summary/.test(said.text)) isTogether = true
    } else {
      hasSamples = true
      if (member.test(name) || line.includes('quantile=')) isTogether = true
    }
    end = record.end
    bytes += record.bytes.length
    if (bytes > maxRecordBytes) {
      isTooLarge = true
      lines = []
    } else lines.push(record.bytes)
    if (!isTogether && bytes > cutBytes && hasSamples) yield take(comments)
  }
  if (hasSamples) yield take('')
}
