/**
 * An OTLP/HTTP endpoint of logs that fails on purpose and counts lines: each log record must hold one of those that {@link lineOf} makes,
 * whole, wherever in the record the translation puts it.
 */

import { createServer } from 'node:http'
import { gunzipSync } from 'node:zlib'
import { Reader } from 'protobufjs/minimal.js'
import { closeNow, listenLocally } from '../support/local-server.ts'
import { officialDecode } from '../support/official-otlp.ts'

/** What a shipper has arrived at the sink. */
export interface Arrivals {
  /** Different numbers. */
  readonly arrived: number
  /** Records whose number had come before. */
  readonly repeats: number
  /** Numbers of 1 … `lines` that never came, at most the first ten. */
  missing(lines: number): { readonly count: number; readonly first: readonly number[] }
}

/** `half`: every other request, at random, is answered with 503 and not looked at; `down`: all are. */
export type SinkMode = 'ok' | 'half' | 'down'

export interface LogsSink {
  /** For `emit.endpoint`: without `/v1/logs`. */
  readonly url: string
  mode: SinkMode
  of(shipper: string): Arrivals
  /** Records of all shippers, repeats too. */
  readonly records: number
  /** Requests taken and refused. */
  readonly requests: { readonly taken: number; readonly refused: number }
  /** What is wrong with what came, by kind, each with an example: there must be none. */
  readonly faults: ReadonlyMap<string, { readonly count: number; readonly example: string }>
  close(): Promise<void>
}

/** Digits that look random, so that they do not become small in the queue. */
const digits = (n: number): string => {
  let state = n
  let text = ''
  while (text.length < 200) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    text += (Math.imul(state ^ (state >>> 15), 0x2c1b3c6d) >>> 0).toString(36)
  }
  return text
}

/**
 * Line `n` of a shipper, some 240 bytes: its mark, `#<shipper>:<n>#`, then quotation marks, a backslash and more than ASCII, which every
 * shipper on the way has to write out and read back, then text that is another for each.
 */
export const lineOf = (shipper: string, n: number): string => String.raw`#${shipper}:${n}# said "grün" \o/ ${digits(n)}`

const mark = /#([a-z0-9-]+):(\d+)#/g

/** The bytes of each LogRecord: `ExportLogsServiceRequest.resource_logs` = 1, `.scope_logs` = 2, `.log_records` = 2. */
function* logRecords(body: Uint8Array, path: readonly number[] = [1, 2, 2]): Generator<Buffer> {
  const reader = Reader.create(body)
  const [wanted, ...deeper] = path
  while (reader.pos < reader.len) {
    const tag = reader.uint32()
    if (tag !== ((wanted ?? 0) << 3) + 2) reader.skipType(tag & 7)
    else if (deeper.length === 0) yield Buffer.from(reader.bytes())
    else yield* logRecords(reader.bytes(), deeper)
  }
}

interface OfficialLogs {
  readonly resourceLogs?: readonly { readonly scopeLogs?: readonly { readonly logRecords?: readonly unknown[] }[] }[]
}

const officialCount = (body: Uint8Array): number =>
  ((officialDecode(body, 'logs') as OfficialLogs).resourceLogs ?? []).reduce(
    (sum, { scopeLogs = [] }) => sum + scopeLogs.reduce((inner, { logRecords: records = [] }) => inner + records.length, 0),
    0,
  )

class Counted implements Arrivals {
  #seen = new Uint8Array(1024)
  arrived = 0
  repeats = 0

  add(n: number): void {
    if (n >= this.#seen.length) {
      const larger = new Uint8Array(2 ** Math.ceil(Math.log2(n + 1)))
      larger.set(this.#seen)
      this.#seen = larger
    }
    if (this.#seen[n] === 1) this.repeats++
    else this.arrived++
    this.#seen[n] = 1
  }

  missing(lines: number): { count: number; first: number[] } {
    const first: number[] = []
    let count = 0
    for (let n = 1; n <= lines; n++) {
      if (this.#seen[n] === 1) continue
      count++
      if (first.length < 10) first.push(n)
    }
    return { count, first }
  }
}

/** Starts it on a free port. @param random decides which requests of mode `half` are refused */
export async function startLogsSink(random: () => number): Promise<LogsSink> {
  const shippers = new Map<string, Counted>()
  const faults = new Map<string, { count: number; example: string }>()
  const requests = { taken: 0, refused: 0 }
  const state = { mode: 'ok' as SinkMode, requests, records: 0 }

  const fault = (kind: string, example: string): void => {
    const known = faults.get(kind)
    if (known === undefined) faults.set(kind, { count: 1, example: example.slice(0, 500) })
    else known.count++
  }
  const of = (shipper: string): Counted => {
    let counted = shippers.get(shipper)
    if (counted === undefined) shippers.set(shipper, (counted = new Counted()))
    return counted
  }
  const takeRecord = (record: Buffer): void => {
    state.records++
    const text = record.toString('latin1')
    const marks = new Set([...text.matchAll(mark)].map(([found]) => found))
    const [found] = marks
    if (marks.size > 1) fault('record with the text of several', [...marks].join(' '))
    if (found === undefined) {
      fault('record without a line', text)
      return
    }
    const [shipper = '', number = ''] = found.slice(1, -1).split(':')
    if (!record.includes(lineOf(shipper, Number(number)))) fault('line that is not as it was', record.toString())
    of(shipper).add(Number(number))
  }
  const take = (body: Uint8Array): void => {
    let records = 0
    for (const record of logRecords(body)) {
      takeRecord(record)
      records++
    }
    if (requests.taken++ % 50 === 0 && officialCount(body) !== records) fault('request that the official messages read otherwise', '')
  }

  const server = createServer((request, reply) => {
    const chunks: Buffer[] = []
    request.on('error', () => {})
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const refuse = state.mode === 'down' || (state.mode === 'half' && random() < 0.5)
      if (refuse) requests.refused++
      else if (request.url !== '/v1/logs') fault('request for another signal', String(request.url))
      else {
        const body = Buffer.concat(chunks)
        take(request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body)
      }
      reply.writeHead(refuse ? 503 : 200, { 'content-type': 'application/x-protobuf', 'content-length': 0 }).end()
    })
  })
  const url = `http://127.0.0.1:${await listenLocally(server)}`
  return Object.assign(state, { url, of, faults, close: () => closeNow(server) })
}
