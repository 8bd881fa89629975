/** Records of files → OTLP, through the translators that live endpoints have. */

import type { BodyTranslator, TranslatedBody } from '../../../ingest/adapter.ts'
import { eachMember, textOf } from '../../../ingest/elasticsearch/object-members.ts'
import { createMessageTranslator } from '../../../ingest/index.ts'
import { defaultDecodeLimits } from '../../../ingest/limits.ts'
import type { Signal } from '../../../otlp/intake.ts'
import type { SourceDeps } from '../../source.ts'
import { joined } from '../jaeger-query-answer.ts'
import { refusalOf } from '../payload-page.ts'
import { type FileKind, protoSignalOf } from './detect.ts'
import type { FileRecord } from './records.ts'
import type { RecordsTranslator } from './translator.ts'

type Payload = (records: readonly FileRecord[]) => Uint8Array

const feed = Buffer.from('\n')
const asList: Payload = (records) => Buffer.concat([Buffer.from('['), joined(records.map(({ bytes }) => bytes)), Buffer.from(']')])
const asPieces: Payload = (records) => Buffer.concat(records.flatMap(({ bytes }) => [bytes, feed]))

/** Each on one line: no text of JSON has a line feed in it. */
const asLines: Payload = (records) =>
  asPieces(records.map((record) => (record.bytes.includes(0x0a) ? { ...record, bytes: onOneLine(record.bytes) } : record)))

const onOneLine = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte))

/** Records of one form, as one payload; where it cannot be read, in halves, until what is to blame stands alone. */
function together(translate: BodyTranslator, payload: Payload, signal: Signal, atMs: number): RecordsTranslator {
  return (records, page, where) => {
    const kept = new Array<boolean>(records.length).fill(true)
    const add = (from: number, to: number): void => {
      const some = records.slice(from, to)
      const [first] = some
      if (first === undefined) return
      let body: TranslatedBody
      try {
        body = translate(payload(some), atMs)
      } catch (error) {
        const { reason, message } = refusalOf(error)
        if (some.length === 1) {
          page.read++
          page.skip(reason, 1, { where: where(first), message, raw: first.bytes })
          kept[from] = false
          return
        }
        const middle = (from + to) >> 1
        add(from, middle)
        add(middle, to)
        return
      }
      // Documents of other indices are not in what a decoder of spans received.
      page.read += body.received + (signal === 'traces' ? countOf(body, 'document_of_another_index') : 0)
      page.body(signal, body, (index) => where((body.received === some.length ? some[index] : undefined) ?? first))
      if (body.received === some.length) for (const { indexes } of body.drops) for (const index of indexes) kept[from + index] = false
    }
    add(0, records.length)
    return kept
  }
}

const countOf = ({ notes }: TranslatedBody, reason: string): number => notes.find((note) => note.reason === reason)?.count ?? 0

/** Records of which each is a whole request. */
function oneByOne(translate: (bytes: Uint8Array) => { readonly signal: Signal; readonly body: TranslatedBody }): RecordsTranslator {
  return (records, page, where) =>
    records.map((record) => {
      try {
        const { signal, body } = translate(record.bytes)
        page.read += body.received
        page.body(signal, body, () => where(record))
        return body.items > 0 || body.received === 0
      } catch (error) {
        const { reason, message } = refusalOf(error)
        page.read++
        page.skip(reason, 1, { where: where(record), message, raw: record.bytes })
        return false
      }
    })
}

/** Index and document of a hit. */
function hitOf({ bytes }: FileRecord): { readonly index: string; readonly source: Uint8Array | undefined } {
  let index = ''
  let source: Uint8Array | undefined
  eachMember(bytes, 0, bytes.length, (name, from, to) => {
    if (name === '_index') index = textOf(bytes, from + 1, to - 1)
    else if (name === '_source') source = bytes.subarray(from, to)
  })
  return { index, source }
}

/** Hits by the index that they are of: spans of Jaeger and Zipkin to theirs, all else is documents. */
function hits(jaeger: RecordsTranslator, zipkin: RecordsTranslator, documents: RecordsTranslator): RecordsTranslator {
  return (records, page, where) => {
    const groups = new Map<RecordsTranslator, { record: FileRecord; at: number }[]>()
    records.forEach((record, at) => {
      const { index, source } = hitOf(record)
      const isZipkin = /zipkin[-:](?:.*[-:])?span/.test(index) && source !== undefined
      const to = isZipkin ? zipkin : index.includes('jaeger-') ? jaeger : documents
      const list = groups.get(to) ?? []
      list.push({ record: isZipkin ? { ...record, bytes: source } : record, at })
      groups.set(to, list)
    })
    const kept = new Array<boolean>(records.length).fill(true)
    for (const translator of [jaeger, zipkin, documents]) {
      const list = groups.get(translator) ?? []
      if (list.length === 0) continue
      const some = translator(
        list.map(({ record }) => record),
        page,
        where,
      )
      list.forEach(({ at }, index) => void (kept[at] = some[index] ?? true))
    }
    return kept
  }
}

const signalNames: readonly (readonly [string, Signal])[] = [
  ['resourceSpans', 'traces'],
  ['resourceMetrics', 'metrics'],
  ['resourceLogs', 'logs'],
]

/** The first member of a request says what it holds. */
function signalOf(bytes: Uint8Array): Signal {
  const start = textOf(bytes, 0, Math.min(bytes.length, 200))
  return signalNames.find(([name]) => start.includes(`"${name}"`))?.[1] ?? 'traces'
}

/** Which version of remote-write a request is of, by its first field: 1 is a list of series, 4 and 5 are symbols and series of the second. */
async function remoteWrite(deps: SourceDeps, atMs: number): Promise<RecordsTranslator> {
  const [first, second] = [await deps.translator('remote-write-1'), await deps.translator('remote-write-2')]
  const { createSnappy } = await import('../../../ingest/prometheus/snappy.ts')
  const snappy = await createSnappy({ maxBytes: 256 * 1024 * 1024, limitKey: 'a request in a file' })
  return oneByOne((bytes) => {
    let plain = bytes
    try {
      plain = snappy.uncompress(bytes)
    } catch {
      // Not compressed, or nothing at all: its translator says which.
    }
    const isSecond = plain[0] === 0x22 || plain[0] === 0x2a
    return { signal: 'metrics', body: (isSecond ? second : first)(bytes, atMs) }
  })
}

/** Creates the translator of one kind of file. @param atMs when what has no time of its own is taken to have been received */
export async function createRecordsTranslator(kind: FileKind, deps: SourceDeps, atMs: number): Promise<RecordsTranslator> {
  const jaegerEs = async () => together(await deps.translator('jaeger-es'), asLines, 'traces', atMs)
  const zipkin = async () => together(await deps.translator('zipkin-json'), asList, 'traces', atMs)
  const documents = async () => together(await deps.translator('es-docs'), asLines, 'logs', atMs)
  switch (kind) {
    case 'jaeger':
      return together(await deps.translator('jaeger-json'), asList, 'traces', atMs)
    case 'jaeger-es':
      return jaegerEs()
    case 'zipkin':
      return zipkin()
    case 'es-docs':
    case 'es-hits':
      return hits(await jaegerEs(), await zipkin(), await documents())
    case 'es-bulk':
      return together(await deps.translator('es-bulk'), asPieces, 'logs', atMs)
    case 'otlp': {
      const limits = { ...defaultDecodeLimits, maxItems: 1_000_000 }
      const of = async (signal: Signal) => (await createMessageTranslator('otlp-json', signal, deps.translate, limits)).translate
      const json = { traces: await of('traces'), metrics: await of('metrics'), logs: await of('logs') }
      return oneByOne((bytes) => {
        const signal = signalOf(bytes)
        return { signal, body: json[signal](bytes, atMs) }
      })
    }
    case 'otlp-traces':
    case 'otlp-metrics':
    case 'otlp-logs': {
      const signal = protoSignalOf(kind) ?? 'traces'
      const limits = { ...defaultDecodeLimits, maxItems: 1_000_000 }
      const { translate } = await createMessageTranslator('otlp-proto', signal, deps.translate, limits)
      return oneByOne((bytes) => ({ signal, body: translate(bytes, atMs) }))
    }
    case 'remote-write':
      return remoteWrite(deps, atMs)
    case 'openmetrics':
      return (await import('./openmetrics.ts')).createOpenMetricsTranslator(deps)
  }
}
