/**
 * Span documents of Jaeger's indices as Jaeger itself writes them → the Jaeger model, in one scan over the bytes: no tree is built, and no string is
 * made of what nobody looks at. Whatever is not in that plain form (a value of another type, a number with a fraction for a time, a member that is not
 * known) is left to the reader that knows all of it: decode-json.ts. Both give the same spans; a test holds them together.
 */

import { isUtf8 } from 'node:buffer'
import { hexToWords } from '../../otlp/ids.ts'
import type { KeyTable } from '../../otlp/keys.ts'
import { noAttributes, type Text } from '../../otlp/model.ts'
import type { Words } from '../../otlp/time.ts'
import { type JaegerLog, type JaegerProcess, type JaegerReference, type JaegerSpan, ReferenceType } from '../../translate/jaeger/model.ts'
import { JsonNames } from '../json-names.ts'
import { JsonScanner } from '../json-scan.ts'
import type { DecodeLimits } from '../limits.ts'
import { Char, isDigit, leave, notPlain, takeDigits, takeString, takeTicks, textAt } from './json-plain.ts'
import { PlainProcesses } from './json-plain-process.ts'
import { PlainTags } from './json-plain-tags.ts'

export interface PlainSpanReader {
  /** Goes on with another body; the table of keys was renewed. False: it is not in the plain form at all. */
  open(body: Uint8Array): boolean
  /** The span of the document at these bytes; undefined: it is for the other reader. Texts are slices of the body, or of a copy of it. */
  read(start: number, end: number): JaegerSpan | undefined
}

const noReferences: readonly JaegerReference[] = []
const noLogs: readonly JaegerLog[] = []
const noWarnings: readonly Text[] = []
const noBytes: Uint8Array = new Uint8Array(0)

/** Memory for a copy that is kept. */
const keptCopy = 8 * 2 ** 20

/** Longer documents are left: below it, nothing in them can be more than the limits of strings and values. */
const longestDocument = 2 ** 20

/** How deep a span's document goes: fields of a log, and one more. */
const depth = 6

const spanNames = [
  'traceID',
  'spanID',
  'parentSpanID',
  'flags',
  'operationName',
  'references',
  'startTime',
  'startTimeMillis',
  'duration',
  'tags',
  'tag',
  'logs',
  'process',
  'warnings',
  '@timestamp',
] as const

const Member = {
  TraceId: 0,
  SpanId: 1,
  ParentSpanId: 2,
  Flags: 3,
  OperationName: 4,
  References: 5,
  StartTime: 6,
  StartTimeMillis: 7,
  Duration: 8,
  Tags: 9,
  Tag: 10,
  Logs: 11,
  Process: 12,
  Warnings: 13,
  Timestamp: 14,
} as const

const ReferenceMember = { RefType: 0, TraceId: 1, SpanId: 2 } as const
const LogMember = { Timestamp: 0, Fields: 1 } as const

/** Members without which a document is not plain. */
const Has = { Trace: 1, Span: 2, Start: 4, Fields: 8 } as const
const needed = Has.Trace | Has.Span | Has.Start

/** Creates a reader; `keys` is made with `jaegerRoleOf`. @param fieldKey how dots were replaced in the keys of tags as fields */
export function createPlainSpanReader(keys: KeyTable, limits: DecodeLimits, fieldKey: (stored: string) => string): PlainSpanReader {
  const scanner = new JsonScanner(noBytes, limits.maxStringBytes, true)
  const tags = new PlainTags(scanner, keys, limits.maxAttributes, fieldKey)
  const processes = new PlainProcesses(scanner, tags)
  const names = new JsonNames(spanNames)
  const referenceNames = new JsonNames(['refType', 'traceID', 'spanID'])
  const logNames = new JsonNames(['timestamp', 'fields'])
  const longest = Math.min(longestDocument, limits.maxStringBytes - 1)
  const trace = new Int32Array(4)
  const id = new Int32Array(2)
  const start: Words = { hi: 0, lo: 0 }
  const duration: Words = { hi: 0, lo: 0 }
  const time: Words = { hi: 0, lo: 0 }
  let body = noBytes
  let copy = noBytes
  /** Where the digits of the trace id stand that is in `trace`, 32 of them; −1: they do not. */
  let traceAt = -1
  /** Half a surrogate pair is a text for the other reader alone. */
  let hasSurrogates = false

  const hex = (first: number, out: Int32Array): void => {
    takeString(scanner, first)
    if (!hexToWords(scanner.bytes, scanner.start, scanner.stop, out)) leave()
  }

  /** A trace id: mostly the one before. */
  const traceId = (first: number): void => {
    const { at, view, bytes, end } = scanner
    if (traceAt >= 0 && first === Char.Quote && at + 34 <= end && bytes[at + 33] === Char.Quote) {
      let i = 0
      while (i < 32 && view.getInt32(traceAt + i, true) === view.getInt32(at + 1 + i, true)) i += 4
      if (i === 32) {
        scanner.at = at + 34
        return
      }
    }
    traceAt = -1
    hex(first, trace)
    if (scanner.stop - scanner.start === 32 && !scanner.escaped) traceAt = scanner.start
  }

  const references = (first: number): readonly JaegerReference[] => {
    if (first === Char.Null) return scanner.literal(first) === -1 ? noReferences : leave()
    if (first !== Char.OpenList) leave()
    let list: JaegerReference[] | undefined
    for (let byte = scanner.open(Char.CloseList); byte !== 0; byte = scanner.next(Char.CloseList)) {
      if (byte !== Char.OpenObject || (list !== undefined && list.length >= limits.maxEvents)) leave()
      const one = reference()
      if (list === undefined) list = [one]
      else list.push(one)
    }
    return list ?? noReferences
  }

  const reference = (): JaegerReference => {
    let found = 0
    let isChild = true
    let name = -1
    for (let byte = scanner.open(Char.CloseObject); byte !== 0; byte = scanner.next(Char.CloseObject)) {
      if (byte !== Char.Quote) leave()
      name = referenceNames.read(scanner, name)
      const value = scanner.value()
      if (name === ReferenceMember.TraceId) {
        traceId(value)
        found |= Has.Trace
      } else if (name === ReferenceMember.SpanId) {
        hex(value, id)
        found |= Has.Span
      } else if (name === ReferenceMember.RefType) {
        takeString(scanner, value)
        isChild = isChildOf()
      } else leave()
    }
    if (found !== (Has.Trace | Has.Span)) leave()
    return {
      refType: isChild ? ReferenceType.ChildOf : ReferenceType.FollowsFrom,
      trace0: trace[0] as number,
      trace1: trace[1] as number,
      trace2: trace[2] as number,
      trace3: trace[3] as number,
      span0: id[0] as number,
      span1: id[1] as number,
    }
  }

  const isChildOf = (): boolean => {
    const { bytes, start: from, stop } = scanner
    if (stop - from !== 8) return false
    for (let i = 0; i < 8; i++) if (bytes[from + i] !== 'CHILD_OF'.charCodeAt(i)) return false
    return true
  }

  const logs = (first: number): readonly JaegerLog[] => {
    if (first === Char.Null) return scanner.literal(first) === -1 ? noLogs : leave()
    if (first !== Char.OpenList) leave()
    let list: JaegerLog[] | undefined
    for (let byte = scanner.open(Char.CloseList); byte !== 0; byte = scanner.next(Char.CloseList)) {
      if (byte !== Char.OpenObject || (list !== undefined && list.length >= limits.maxEvents)) leave()
      const one = log()
      if (list === undefined) list = [one]
      else list.push(one)
    }
    return list ?? noLogs
  }

  const log = (): JaegerLog => {
    time.hi = time.lo = 0
    let fields = noAttributes
    let name = -1
    for (let byte = scanner.open(Char.CloseObject); byte !== 0; byte = scanner.next(Char.CloseObject)) {
      if (byte !== Char.Quote) leave()
      name = logNames.read(scanner, name)
      const value = scanner.value()
      if (name === LogMember.Timestamp) takeTicks(scanner, value, time)
      else if (name === LogMember.Fields) fields = tags.list(value)
      else leave()
    }
    return { timeHi: time.hi, timeLo: time.lo, fields }
  }

  const flagsAt = (): number => {
    const flags = takeDigits(scanner)
    return flags < 0 || flags > 0x7fffffff ? leave() : flags
  }

  const takeScalar = (first: number): void => {
    if (first === Char.Quote) scanner.string()
    else if (first === Char.Minus || isDigit(first)) scanner.number()
    else leave()
  }

  const takeNull = (first: number): void => {
    if (first !== Char.Null || scanner.literal(first) !== -1) leave()
  }

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
    let name = -1
    start.hi = start.lo = duration.hi = duration.lo = 0
    if (scanner.value() !== Char.OpenObject) leave()
    for (let byte = scanner.open(Char.CloseObject); byte !== 0; byte = scanner.next(Char.CloseObject)) {
      if (byte !== Char.Quote) leave()
      name = names.read(scanner, name)
      const value = scanner.value()
      switch (name) {
        case Member.TraceId:
          traceId(value)
          trace0 = trace[0] as number
          trace1 = trace[1] as number
          trace2 = trace[2] as number
          trace3 = trace[3] as number
          found |= Has.Trace
          break
        case Member.SpanId:
          hex(value, id)
          span0 = id[0] as number
          span1 = id[1] as number
          found |= Has.Span
          break
        case Member.ParentSpanId:
          hex(value, id)
          parent0 = id[0] as number
          parent1 = id[1] as number
          break
        case Member.Flags:
          flags = flagsAt()
          break
        case Member.OperationName:
          operationName = textAt(scanner, value)
          break
        case Member.References:
          ownReferences = references(value)
          break
        case Member.StartTime:
          takeTicks(scanner, value, start)
          found |= Has.Start
          break
        case Member.Duration:
          takeTicks(scanner, value, duration)
          break
        case Member.StartTimeMillis:
        case Member.Timestamp:
          takeScalar(value)
          break
        case Member.Tags:
          // Tags as fields come behind them, wherever they stand.
          if ((found & Has.Fields) !== 0) leave()
          ownTags = tags.list(value)
          break
        case Member.Tag:
          if ((found & Has.Fields) !== 0) leave()
          found |= Has.Fields
          ownTags = tags.behind(ownTags, value)
          break
        case Member.Logs:
          ownLogs = logs(value)
          break
        case Member.Process:
          ownProcess = processes.read(value)
          break
        case Member.Warnings:
          takeNull(value)
          break
        default:
          leave()
      }
    }
    if ((found & needed) !== needed || !scanner.atEnd()) leave()
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
      traceAt = -1
      hasSurrogates = false
      if (limits.maxDepth < depth || whole[0] === 0xef || !isUtf8(whole)) return false
      let bytes = (body = whole)
      if (whole.includes(Char.Backslash)) {
        hasSurrogates = mayHoldSurrogates(whole)
        // Texts are unescaped in place, and the body is somebody else's.
        if (copy.length < whole.length) copy = new Uint8Array(Math.max(whole.length, 64 * 1024))
        copy.set(whole)
        bytes = copy.subarray(0, whole.length)
        if (copy.length > keptCopy) copy = noBytes
      }
      scanner.reopen(bytes)
      tags.open()
      processes.open(whole)
      return true
    },
    read(from, to) {
      if (to - from > longest || (hasSurrogates && mayHoldSurrogates(body.subarray(from, to)))) return undefined
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

function mayHoldSurrogates(bytes: Uint8Array): boolean {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return buffer.includes('\\ud') || buffer.includes('\\uD')
}
