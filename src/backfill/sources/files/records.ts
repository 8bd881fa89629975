/** Files cut into records: lines, pairs of lines, elements of JSON however deep they lie, messages with a length. Memory is that of one record. */

import { sourceFault } from '../../../read/patient-client.ts'
import type { ByteSource } from './bytes.ts'
import { ByteWindow } from './window.ts'

/** One record, or why there is none. */
export interface FileRecord {
  /** Where it begins, in bytes of the content. */
  readonly offset: number
  /** Where reading goes on behind it. */
  readonly end: number
  /** What that place is inside of; see {@link jsonRecords}. */
  readonly state: string
  readonly bytes: Uint8Array
  /** Why it cannot be used: `too_large`, `truncated`. */
  readonly fault: string
}

export type RecordStream = AsyncGenerator<FileRecord, void>

/** A record that is larger is left out. */
export const maxRecordBytes = 32 * 1024 * 1024

const noBytes = new Uint8Array(0)
const faulty = (offset: number, end: number, fault: string, bytes: Uint8Array = noBytes): FileRecord => ({
  offset,
  end,
  state: '',
  bytes,
  fault,
})

/** A whole JSON value, as far as can be seen: for last lines without their end. */
function isWholeJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes).toString())
    return true
  } catch {
    return false
  }
}

const isBlank = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09)

/**
 * Lines that begin in `[from, to)`, without their ends; blank ones are passed over. The last one may lack its end if it is whole.
 * @param isText lines are no JSON: a last one without its end is taken as it is
 */
export async function* lineRecords(source: ByteSource, from: number, to: number, isText = false): RecordStream {
  const window = new ByteWindow(source, from)
  let scanned = 0
  let isSkipping = false
  let start = from
  for (;;) {
    const feed = window.bytes.indexOf(0x0a, scanned)
    if (feed >= 0) {
      const end = window.base + feed + 1
      const line = window.bytes.subarray(0, feed)
      window.drop(feed + 1)
      scanned = 0
      if (start >= to) return
      if (isSkipping) yield faulty(start, end, 'too_large')
      else if (!isBlank(line)) yield { offset: start, end, state: '', bytes: line, fault: '' }
      isSkipping = false
      start = end
      continue
    }
    if (start >= to) return
    scanned = window.bytes.length
    if (scanned > maxRecordBytes) {
      isSkipping = true
      window.drop(scanned)
      scanned = 0
    }
    if (await window.more()) continue
    const end = window.base + window.bytes.length
    const rest = window.bytes
    if (isSkipping) yield faulty(start, end, 'too_large')
    else if (rest.length > 0 && !isBlank(rest)) {
      if (!window.isTruncated && (isText || isWholeJson(rest))) yield { offset: start, end, state: '', bytes: rest, fault: '' }
      else yield faulty(start, end, 'truncated', rest)
    } else if (window.isTruncated) yield faulty(end, end, 'truncated')
    return
  }
}

/** Actions of `_bulk` with their documents: two lines a record, one for deletions. */
export async function* bulkRecords(source: ByteSource, from: number): RecordStream {
  let action: FileRecord | undefined
  for await (const line of lineRecords(source, from, Number.POSITIVE_INFINITY)) {
    if (line.fault !== '') {
      yield action === undefined ? line : { ...line, offset: action.offset }
      action = undefined
    } else if (action !== undefined) {
      const bytes = Buffer.concat([action.bytes, Buffer.from('\n'), line.bytes])
      yield { ...line, offset: action.offset, bytes }
      action = undefined
    } else if (/^\s*\{\s*"delete"/.test(Buffer.from(line.bytes.subarray(0, 64)).toString('latin1'))) yield line
    else action = line
  }
  if (action !== undefined) yield { ...action, fault: 'truncated' }
}

/** Messages, each behind its length in four bytes, the highest first. */
export async function* lengthRecords(source: ByteSource, from: number): RecordStream {
  const window = new ByteWindow(source, from)
  for (;;) {
    while (window.bytes.length < 4 && (await window.more()));
    const offset = window.base
    const held = window.bytes.length
    if (held < 4) {
      if (held > 0 || window.isTruncated) yield faulty(offset, offset + held, 'truncated')
      return
    }
    const length = window.bytes.readUInt32BE(0)
    if (length > maxRecordBytes)
      throw sourceFault(
        'corrupt',
        `cannot read on behind byte ${offset}: a message of ${length} bytes is declared, the limit is ${maxRecordBytes}`,
      )
    while (window.bytes.length < 4 + length && (await window.more()));
    if (window.bytes.length < 4 + length) {
      yield faulty(offset, offset + window.bytes.length, 'truncated')
      return
    }
    const bytes = window.bytes.subarray(4, 4 + length)
    window.drop(4 + length)
    yield { offset, end: offset + 4 + length, state: '', bytes, fault: '' }
  }
}

/** Names that lead to a list inside of an object: `{"data": [`, `{"hits": {"hits": [`. */
export type ListPath = 'data' | 'hits' | undefined

/** A list in a list is a list of traces; more is nothing that we know. */
const deepest = 3

/**
 * Objects of JSON: those of a list, of lists in a list, of the list that `path` leads to in an object, or values one after the other. What a place is
 * inside of is told by `state`: `L` a list, `1` and `2` the rest of an object, so many levels deep, outermost first.
 */
export async function* jsonRecords(source: ByteSource, from: number, path: ListPath, stateAtFrom: string): RecordStream {
  const window = new ByteWindow(source, from)
  let state = stateAtFrom
  let at = 0

  /** The next byte that is no blank and no comma, `at` in front of it; -1 at the end. */
  const peek = async (): Promise<number> => {
    for (;;) {
      const { bytes } = window
      while (at < bytes.length) {
        const byte = bytes[at] as number
        const isMark = window.base + at < 3 && (byte === 0xef || byte === 0xbb || byte === 0xbf)
        if (byte > 0x20 && byte !== 0x2c && !isMark) return byte
        at++
      }
      window.drop(at)
      at = 0
      if (!(await window.more())) return -1
    }
  }

  /**
   * Goes over the object or value that begins at `at`, or over the rest of one that is `depth` deep. Sets `at` behind it.
   * @param keep keep its bytes, as long as they are not too many
   */
  const pass = async (depthAtFirst: number, keep: boolean, lists: ListPath): Promise<'whole' | 'too_large' | 'cut' | 'list1' | 'list2'> => {
    let depth = depthAtFirst
    let isText = false
    let isEscaped = false
    let isTooLarge = false
    let begun = 0
    let key = ''
    let isInHits = false
    for (;;) {
      const { bytes } = window
      for (; at < bytes.length; at++) {
        const byte = bytes[at] as number
        if (isText) {
          if (isEscaped) isEscaped = false
          else if (byte === 0x5c) isEscaped = true
          else if (byte === 0x22) {
            isText = false
            // Names that matter are short.
            if (lists !== undefined && depth <= 2 && at - begun <= 8 && begun >= 0) key = bytes.toString('latin1', begun, at)
          }
          continue
        }
        switch (byte) {
          case 0x22:
            isText = true
            begun = at + 1
            break
          case 0x7b:
            depth++
            if (depth === 2) isInHits = lists === 'hits' && key === 'hits'
            key = ''
            break
          case 0x5b:
            if ((lists === 'data' && depth === 1 && key === 'data') || (isInHits && depth === 2 && key === 'hits'))
              return depth === 1 ? 'list1' : 'list2'
            depth++
            break
          case 0x7d:
          case 0x5d:
            // Of the list around a bare value.
            if (depth === 0) return 'whole'
            depth--
            if (depth === 0) {
              at++
              return isTooLarge ? 'too_large' : 'whole'
            }
            break
          case 0x2c:
            key = ''
            if (depth === 0) return 'whole'
            break
          default:
            if (depth === 0 && byte <= 0x20) return 'whole'
        }
        if (depth === 0 && byte === 0x22 && !isText) return 'whole'
      }
      if (!keep || isTooLarge || at > maxRecordBytes) {
        if (keep && !isTooLarge) isTooLarge = true
        window.drop(at)
        begun -= at
        at = 0
      }
      if (!(await window.more())) return depth === 0 && !isText && !isTooLarge ? 'whole' : isTooLarge ? 'too_large' : 'cut'
    }
  }

  for (;;) {
    const top = state.at(-1)
    if (top === '1' || top === '2') {
      const how = await pass(Number(top), false, undefined)
      if (how === 'cut') {
        yield faulty(window.base, window.base + at, 'truncated')
        return
      }
      state = state.slice(0, -1)
      continue
    }
    const first = await peek()
    const offset = window.base + at
    if (first < 0) {
      if (state !== '' || window.isTruncated) yield faulty(offset, offset, 'truncated')
      return
    }
    if (first === 0x5b && state.length < deepest) {
      at++
      state += 'L'
      continue
    }
    if (first === 0x5d && top === 'L') {
      at++
      state = state.slice(0, -1)
      continue
    }
    if (first !== 0x7b && state === '') throw sourceFault('corrupt', `cannot read on at byte ${offset}: no JSON object or list begins here`)
    window.drop(at)
    at = 0
    const how = await pass(0, true, state === '' ? path : undefined)
    if (how === 'list1' || how === 'list2') {
      at++
      state += how === 'list1' ? '1L' : '2L'
      continue
    }
    const end = window.base + at
    if (how === 'cut') {
      yield faulty(offset, end, 'truncated', window.bytes.subarray(0, Math.min(at, 65_536)))
      return
    }
    if (how === 'too_large') yield { ...faulty(offset, end, 'too_large'), state }
    else yield { offset, end, state, bytes: window.bytes.subarray(0, at), fault: '' }
    window.drop(at)
    at = 0
  }
}
