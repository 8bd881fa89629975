/**
 * Span documents of Jaeger's indices as Jaeger itself writes them → the Jaeger model, without a string made of what nobody looks at. Whatever is not
 * in that plain form (tags as fields, values of another type, members that are not known) is left to the reader that knows all of it: decode-json.ts.
 * Both give the same spans; a test holds them together.
 */

import { isUtf8 } from 'node:buffer'
import { boolValue, doubleValue, keyValue, slice, sliceToString } from '../../otlp/attributes.ts'
import { hexToWords } from '../../otlp/ids.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { type Key, type KeyValue, noAttributes, type Text, ValueType } from '../../otlp/model.ts'
import { fromBigInt, fromNumber, type Words } from '../../otlp/time.ts'
import { type JaegerLog, type JaegerProcess, type JaegerReference, type JaegerSpan, ReferenceType } from '../../translate/jaeger/model.ts'
import { JsonScanner } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'

export interface PlainSpanReader {
  /** Goes on with another body. False: it is not in the plain form at all. */
  open(body: Uint8Array): boolean
  /** The span of the document at these bytes; undefined: it is for the other reader. Texts are slices of the body, or of a copy of it. */
  read(start: number, end: number): JaegerSpan | undefined
}

const Quote = 0x22
const Minus = 0x2d
const OpenList = 0x5b
const CloseList = 0x5d
const OpenObject = 0x7b
const CloseObject = 0x7d
const Backslash = 0x5c

/** Memory for a copy that is kept. */
const keptCopy = 8 * 2 ** 20

/** Processes that are looked for again: spans of one process come together. */
const keptProcesses = 16

/** Keys beyond those of the table that a document may bring; then the other reader refuses it. */
const maxLooseKeys = 100_000

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []
const noBytes: Uint8Array = new Uint8Array(0)

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39

/** Thrown within this file alone: the document is for the other reader. */
const notPlain = new Error('BUG: it left the reader of plain documents')

/** Creates a reader; `keys` is made with `jaegerRoleOf`. */
export function createPlainSpanReader(keys: KeyTable, limits: DecodeLimits): PlainSpanReader {
  const scanner = new JsonScanner(noBytes, limits.maxStringBytes, true)
  const trace = new Int32Array(4)
  const id = new Int32Array(2)
  const words: Words = { hi: 0, lo: 0 }
  let copy = noBytes
  let bytes = noBytes
  let view = new DataView(bytes.buffer)
  /** Where processes stand that were read in this body. */
  const processes: { readonly start: number; readonly end: number; readonly process: JaegerProcess }[] = []
  let nextProcess = 0

  const stop = (): never => {
    throw notPlain
  }

  const key = (start: number, end: number): Key => {
    const found = keys.find(bytes, view, start, end)
    return keys.loose > maxLooseKeys ? stop() : found
  }

  /** The name of a member, as a string for `switch`; its value begins behind it. */
  const name = (): string => {
    scanner.string()
    if (scanner.escaped || scanner.stop - scanner.start > 16) stop()
    return sliceToString(bytes, scanner.start, scanner.stop)
  }

  /** Takes a null; false where something else stands. */
  const takesNull = (first: number): boolean => {
    if (first !== 0x6e) return false
    if (scanner.literal(first) !== -1) stop()
    return true
  }

  const text = (first: number): Text => {
    if (first !== Quote) stop()
    scanner.string()
    return slice(bytes, scanner.start, scanner.stop)
  }

  const hex = (first: number, out: Int32Array): void => {
    if (first !== Quote) stop()
    scanner.string()
    if (!hexToWords(bytes, scanner.start, scanner.stop, out)) stop()
  }

  /** Digits as a number below 2^53. */
  const digits = (start: number, end: number): number => {
    if (end === start || end - start > 15) stop()
    let value = 0
    for (let at = start; at < end; at++) {
      const byte = bytes[at] as number
      if (!isDigit(byte)) stop()
      value = value * 10 + byte - 0x30
    }
    return value
  }

  /** A whole number that is not negative, and has up to 16 digits: µs. */
  const ticks = (first: number, out: Words): void => {
    if (!isDigit(first) || !scanner.number()) stop()
    const { start, stop: end } = scanner
    if (end - start > 16) stop()
    let value = 0
    for (let at = start; at < end; at++) value = value * 10 + (bytes[at] as number) - 0x30
    if (value > Number.MAX_SAFE_INTEGER) stop()
    fromNumber(value, out)
  }

  const int = (attribute: Key, start: number, end: number): KeyValue => {
    const isNegative = bytes[start] === Minus
    const from = isNegative ? start + 1 : start
    if (end - from <= 15) {
      const value = digits(from, end)
      if (isNegative) fromBigInt(BigInt(-value), words)
      else fromNumber(value, words)
    } else {
      const whole = sliceToString(bytes, start, end)
      if (end - from > 19 || !/^-?\d+$/.test(whole)) stop()
      const value = BigInt(whole)
      if (value !== BigInt.asIntN(64, value)) stop()
      fromBigInt(value, words)
    }
    return keyValue(attribute, ValueType.Int, words.hi, words.lo, null)
  }

  const double = (attribute: Key, start: number, end: number): KeyValue => {
    const written = sliceToString(bytes, start, end)
    const value = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/.test(written) ? Number(written) : Number.NaN
    if (!Number.isFinite(value)) stop()
    return doubleValue(attribute, value)
  }

  const binary = (attribute: Key, start: number, end: number): KeyValue => {
    const written = sliceToString(bytes, start, end)
    if (written.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(written)) stop()
    const value = Buffer.from(written, 'hex')
    return keyValue(attribute, ValueType.Bytes, 0, value.length, value)
  }

  const tag = (): KeyValue => {
    if (scanner.value() !== OpenObject) stop()
    let keyStart = -1
    let keyStop = 0
    let type = 'string'
    let first = 0
    let start = 0
    let end = 0
    let word = 0
    for (let byte = scanner.open(CloseObject); byte !== 0; byte = scanner.next(CloseObject)) {
      if (byte !== Quote) stop()
      const member = name()
      const value = scanner.colon()
      if (member === 'key') {
        if (value !== Quote) stop()
        scanner.string()
        keyStart = scanner.start
        keyStop = scanner.stop
      } else if (member === 'type') {
        if (value !== Quote) stop()
        scanner.string()
        type = sliceToString(bytes, scanner.start, scanner.stop)
      } else if (member === 'value') {
        first = value
        if (value === Quote) scanner.string()
        else if (value === 0x74 || value === 0x66) word = scanner.literal(value)
        else if (value === Minus || isDigit(value)) scanner.number()
        else stop()
        start = scanner.start
        end = scanner.stop
      } else stop()
    }
    if (keyStart < 0 || first === 0) stop()
    const attribute = key(keyStart, keyStop)
    const isWord = first === 0x74 || first === 0x66
    switch (type) {
      case 'string':
        return first === Quote ? keyValue(attribute, ValueType.Text, start, end, bytes) : stop()
      case 'bool': {
        if (isWord) return boolValue(attribute, word === 1)
        const written = first === Quote ? sliceToString(bytes, start, end) : ''
        return written === 'true' || written === 'false' ? boolValue(attribute, written === 'true') : stop()
      }
      case 'int64':
        return isWord ? stop() : int(attribute, start, end)
      case 'float64':
        return isWord ? stop() : double(attribute, start, end)
      case 'binary':
        return first === Quote ? binary(attribute, start, end) : stop()
      default:
        return stop()
    }
  }

  const tags = (first: number): readonly KeyValue[] => {
    if (takesNull(first)) return noAttributes
    if (first !== OpenList) stop()
    const list: KeyValue[] = []
    for (let byte = scanner.open(CloseList); byte !== 0; byte = scanner.next(CloseList)) {
      if (list.length >= limits.maxAttributes) stop()
      list.push(tag())
    }
    return list.length === 0 ? noAttributes : list
  }

  const references = (first: number): readonly JaegerReference[] => {
    if (takesNull(first)) return noReferences
    if (first !== OpenList) stop()
    const list: JaegerReference[] = []
    for (let byte = scanner.open(CloseList); byte !== 0; byte = scanner.next(CloseList)) {
      if (byte !== OpenObject || list.length >= limits.maxEvents) stop()
      let found = 0
      let isChild = true
      for (let inner = scanner.open(CloseObject); inner !== 0; inner = scanner.next(CloseObject)) {
        if (inner !== Quote) stop()
        const member = name()
        const value = scanner.colon()
        if (member === 'traceID') {
          hex(value, trace)
          found |= 1
        } else if (member === 'spanID') {
          hex(value, id)
          found |= 2
        } else if (member === 'refType') {
          if (value !== Quote) stop()
          scanner.string()
          isChild = sliceToString(bytes, scanner.start, scanner.stop) === 'CHILD_OF'
        } else stop()
      }
      if (found !== 3) stop()
      const [trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
      const [span0 = 0, span1 = 0] = id
      list.push({ refType: isChild ? ReferenceType.ChildOf : ReferenceType.FollowsFrom, trace0, trace1, trace2, trace3, span0, span1 })
    }
    return list.length === 0 ? noReferences : list
  }

  const logs = (first: number): readonly JaegerLog[] => {
    if (takesNull(first)) return noLogs
    if (first !== OpenList) stop()
    const list: JaegerLog[] = []
    for (let byte = scanner.open(CloseList); byte !== 0; byte = scanner.next(CloseList)) {
      if (byte !== OpenObject || list.length >= limits.maxEvents) stop()
      let timeHi = 0
      let timeLo = 0
      let fields = noAttributes
      for (let inner = scanner.open(CloseObject); inner !== 0; inner = scanner.next(CloseObject)) {
        if (inner !== Quote) stop()
        const member = name()
        const value = scanner.colon()
        if (member === 'timestamp') {
          ticks(value, words)
          timeHi = words.hi
          timeLo = words.lo
        } else if (member === 'fields') fields = tags(value)
        else stop()
      }
      list.push({ timeHi, timeLo, fields })
    }
    return list.length === 0 ? noLogs : list
  }

  /** Whether the bytes at the scanner are those of a process that was read: a whole object cannot be the beginning of another one. */
  const processAt = (at: number): JaegerProcess | undefined => {
    for (let i = 0; i < processes.length; i++) {
      const one = processes[i] as (typeof processes)[number]
      const length = one.end - one.start
      if (at + length > scanner.end) continue
      let done = 0
      while (done + 4 <= length && view.getInt32(one.start + done, true) === view.getInt32(at + done, true)) done += 4
      if (done + 4 <= length) continue
      while (done < length && bytes[one.start + done] === bytes[at + done]) done++
      if (done < length) continue
      scanner.at = at + length
      return one.process
    }
    return undefined
  }

  const process = (first: number): JaegerProcess => {
    if (first !== OpenObject) stop()
    const { at } = scanner
    const known = processAt(at)
    if (known !== undefined) return known
    let serviceName: Text = ''
    let own = noAttributes
    for (let byte = scanner.open(CloseObject); byte !== 0; byte = scanner.next(CloseObject)) {
      if (byte !== Quote) stop()
      const member = name()
      const value = scanner.colon()
      if (member === 'serviceName') serviceName = text(value)
      else if (member === 'tags') own = tags(value)
      else if (member !== 'tag' || !takesNull(value)) stop()
    }
    const read = { serviceName, tags: own }
    // What held escapes is not what it was any more.
    if (!original(at, scanner.at)) return read
    processes[nextProcess] = { start: at, end: scanner.at, process: read }
    nextProcess = (nextProcess + 1) % keptProcesses
    return read
  }

  let body = noBytes
  /** Whether the part of the body has no escapes. */
  const original = (start: number, end: number): boolean => {
    if (bytes === body) return true
    for (let at = start; at < end; at++) if (body[at] === Backslash) return false
    return true
  }

  const start: Words = { hi: 0, lo: 0 }
  const duration: Words = { hi: 0, lo: 0 }

  const span = (): JaegerSpan => {
    let found = 0
    let trace0 = 0
    let trace1 = 0
    let trace2 = 0
    let trace3 = 0
    let span0 = 0
    let span1 = 0
    let parent0 = 0
    let parent1 = 0
    let flags = 0
    let operationName: Text = ''
    let ownReferences = noReferences
    let ownTags = noAttributes
    let ownLogs = noLogs
    let ownProcess: JaegerProcess | undefined
    start.hi = start.lo = duration.hi = duration.lo = 0
    if (scanner.value() !== OpenObject) stop()
    for (let byte = scanner.open(CloseObject); byte !== 0; byte = scanner.next(CloseObject)) {
      if (byte !== Quote) stop()
      const member = name()
      const value = scanner.colon()
      switch (member) {
        case 'traceID':
          hex(value, trace)
          ;[trace0 = 0, trace1 = 0, trace2 = 0, trace3 = 0] = trace
          found |= 1
          break
        case 'spanID':
          hex(value, id)
          ;[span0 = 0, span1 = 0] = id
          found |= 2
          break
        case 'parentSpanID':
          hex(value, id)
          ;[parent0 = 0, parent1 = 0] = id
          break
        case 'flags':
          if (!isDigit(value) || !scanner.number() || scanner.stop - scanner.start > 9) stop()
          flags = digits(scanner.start, scanner.stop)
          break
        case 'operationName':
          operationName = text(value)
          break
        case 'references':
          ownReferences = references(value)
          break
        case 'startTime':
          ticks(value, start)
          found |= 4
          break
        case 'startTimeMillis':
          if (!isDigit(value)) stop()
          scanner.number()
          break
        case 'duration':
          ticks(value, duration)
          break
        case 'tags':
          ownTags = tags(value)
          break
        case 'logs':
          ownLogs = logs(value)
          break
        case 'process':
          ownProcess = process(value)
          break
        case 'warnings':
        case 'tag':
          if (!takesNull(value)) stop()
          break
        default:
          stop()
      }
    }
    if (found !== 7 || !scanner.atEnd()) stop()
    return {
      trace0,
      trace1,
      trace2,
      trace3,
      span0,
      span1,
      parent0,
      parent1,
      operationName,
      references: ownReferences,
      flags,
      startHi: start.hi,
      startLo: start.lo,
      durationHi: duration.hi,
      durationLo: duration.lo,
      tags: ownTags,
      logs: ownLogs,
      process: ownProcess,
      warnings: noWarnings,
      invalid: undefined,
    }
  }

  return {
    open(whole) {
      processes.length = nextProcess = 0
      if (whole[0] === 0xef || !isUtf8(whole)) return false
      body = bytes = whole
      if (whole.includes(Backslash)) {
        // Texts are unescaped in place, and the body is somebody else's.
        if (copy.length < whole.length) copy = new Uint8Array(Math.max(whole.length, 64 * 1024))
        copy.set(whole)
        bytes = copy.subarray(0, whole.length)
        if (copy.length > keptCopy) copy = noBytes
      }
      view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      scanner.reopen(bytes)
      return true
    },
    read(from, to) {
      scanner.within(from, to)
      try {
        return span()
      } catch (error) {
        // What is wrong with it is for the other reader to say.
        if (error === notPlain || (error instanceof Error && 'code' in error && String(error.code).startsWith('OB_'))) return undefined
        throw error
      }
    },
  }
}
