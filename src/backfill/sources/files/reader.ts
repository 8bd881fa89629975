/** A slice of a file in pages. The cursor is the number of records so far, the byte behind them, and what that byte is inside of. */

import { BridgeError } from '../../../errors.ts'
import { sourceFault } from '../../../read/patient-client.ts'
import { rowOf } from '../../batches.ts'
import { createIdentitySum } from '../../identity.ts'
import type { Json, TranslatedPage } from '../../model.ts'
import type { SliceReader } from '../../source.ts'
import { createPageBuilder } from '../payload-page.ts'
import type { ByteSource } from './bytes.ts'
import { type FileKind, protoSignalOf } from './detect.ts'
import type { RecordFilter } from './filter.ts'
import { familyRecords } from './openmetrics-lines.ts'
import { bulkRecords, type FileRecord, jsonRecords, lengthRecords, lineRecords, type RecordStream } from './records.ts'
import type { RecordsTranslator } from './translator.ts'

export interface FileSliceOptions {
  /** For messages: the path. */
  readonly name: string
  readonly identity: string
  readonly kind: FileKind
  /** Lines that begin in `[from, to)`; all of the file when they are 0 and Infinity. */
  readonly from: number
  readonly to: number
  readonly cursor: Json | undefined
  readonly page: { readonly items: number; readonly bytes: number }
  /** Undefined: all is wanted. */
  readonly filter: RecordFilter | undefined
  /** Opens the content at a byte of it. */
  open(offset: number): Promise<ByteSource>
  translator(): Promise<RecordsTranslator>
}

interface Position {
  readonly record: number
  readonly offset: number
  readonly state: string
}

function positionOf(cursor: Json | undefined, options: FileSliceOptions): Position {
  const { name, from } = options
  if (cursor === undefined) return { record: 0, offset: from, state: '' }
  const { record, offset, state } = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Record<string, unknown>
  if (
    typeof record !== 'number' ||
    typeof offset !== 'number' ||
    typeof state !== 'string' ||
    state.length > 10_000 ||
    (options.kind !== 'openmetrics' && !/^[L12]{0,8}$/.test(state))
  )
    throw sourceFault('source_error', `cannot go on with ${name}: the cursor is none of this source`, name)
  return { record, offset, state }
}

/** Kinds whose records are lines. */
export const isLines = (kind: FileKind): boolean => kind === 'jaeger-es' || kind === 'es-docs' || kind === 'otlp'

/** Lines of a slice that begins in the middle of a file: the line that begins before it is the slice's before. */
async function* linesFrom(source: ByteSource, from: number, to: number): RecordStream {
  for await (const line of lineRecords(source, from - 1, to)) if (line.offset >= from) yield line
}

function recordsOf(kind: FileKind, source: ByteSource, at: Position, to: number, isInside: boolean): RecordStream {
  if (isInside) return linesFrom(source, at.offset, to)
  switch (kind) {
    case 'es-bulk':
      return bulkRecords(source, at.offset)
    case 'openmetrics':
      return familyRecords(source, at.offset, at.state)
    case 'remote-write':
    case 'otlp-traces':
    case 'otlp-metrics':
    case 'otlp-logs':
      return lengthRecords(source, at.offset)
    case 'jaeger':
      return jsonRecords(source, at.offset, 'data', at.state)
    case 'zipkin':
      return jsonRecords(source, at.offset, undefined, at.state)
    case 'es-hits':
      return jsonRecords(source, at.offset, 'hits', at.state)
    default:
      return lineRecords(source, at.offset, to)
  }
}

/** A word that stands in each item of a record that may hold many. */
const itemWords: Partial<Record<FileKind, Buffer>> = {
  jaeger: Buffer.from('"spanID"'),
  otlp: Buffer.from('imeUnixNano"'),
  openmetrics: Buffer.from('\n'),
}

/** How many items a record counts for where pages are cut: at least as many as it has. */
function weightOf(kind: FileKind, bytes: Uint8Array): number {
  const signal = protoSignalOf(kind)
  if (signal !== undefined) return Math.max(1, rowOf(signal, bytes)?.items ?? 1)
  const word = itemWords[kind]
  if (word === undefined) return 1
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let count = 0
  for (let at = buffer.indexOf(word); at >= 0; at = buffer.indexOf(word, at + word.length)) count++
  return Math.max(1, count)
}

/** Reads one slice. */
export function createFileReader(options: FileSliceOptions): SliceReader {
  const { name, identity, kind, from, to, page } = options
  let position = positionOf(options.cursor, options)
  let source: ByteSource | undefined
  let records: RecordStream | undefined
  let translator: RecordsTranslator | undefined
  let ahead: FileRecord | undefined
  let isOver = false

  const begin = async (): Promise<RecordStream> => {
    // A slice that begins at a byte of its own sees whether a line begins there.
    const isInside = from > 0 && position.record === 0 && position.offset === from
    source = await options.open(isInside ? position.offset - 1 : position.offset)
    records = recordsOf(kind, source, position, to, isInside)
    return records
  }

  const pull = async (): Promise<FileRecord | undefined> => {
    const next = await (records ?? (await begin())).next()
    return next.done === true ? undefined : next.value
  }

  const rest = async (): Promise<void> => {
    await records?.return()
    await source?.close()
    source = undefined
    records = undefined
    ahead = undefined
  }

  const translatePage = (taken: readonly FileRecord[], translate: RecordsTranslator): TranslatedPage => {
    const built = createPageBuilder()
    const sum = createIdentitySum()
    const where = ({ offset }: FileRecord): string => `${name}:${offset}`
    const whole: FileRecord[] = []
    for (const record of taken) {
      built.bytes += record.end - record.offset
      if (record.fault === '') {
        const wanted = options.filter?.(record.bytes)
        if (wanted === undefined) whole.push(record)
        else {
          if (wanted.left > 0) {
            built.read += wanted.left
            built.skip('outside_window', wanted.left)
          }
          if (wanted.bytes !== undefined) whole.push({ ...record, bytes: wanted.bytes })
        }
      } else {
        built.read++
        const message =
          record.fault === 'truncated'
            ? `the file ends in the middle of what begins at byte ${record.offset}`
            : `${record.end - record.offset} bytes are too many for one record`
        built.skip(record.fault, 1, { where: where(record), message, raw: record.bytes })
      }
    }
    const kept = whole.length === 0 ? [] : translate(whole, built, where)
    whole.forEach(({ offset }, index) => {
      if (kept[index] !== true) return
      sum.text(identity)
      sum.number(offset)
      sum.item()
    })
    return built.page(sum.value())
  }

  return {
    async next(abort) {
      if (isOver) return undefined
      translator ??= await options.translator()
      const translate = translator
      const taken: FileRecord[] = []
      let bytes = 0
      let weight = 0
      let { record, offset, state } = position
      try {
        for (;;) {
          if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
          ahead ??= await pull()
          if (ahead === undefined) {
            isOver = true
            break
          }
          bytes += ahead.bytes.length
          weight += weightOf(kind, ahead.bytes)
          if (taken.length > 0 && (weight > page.items || bytes > page.bytes)) break
          taken.push(ahead)
          record++
          ;({ end: offset, state } = ahead)
          ahead = undefined
        }
      } catch (error) {
        // What stands before the damage is whole: it goes on, and the next page says what is wrong.
        await rest()
        if (taken.length === 0 || (error instanceof BridgeError && error.code === 'OB_STOPPING')) throw error
      }
      position = { record, offset, state }
      const cursor = { ...position }
      if (isOver) await rest()
      return { cursor, last: isOver, translate: () => translatePage(taken, translate) }
    },
    rest,
    close: rest,
  }
}
