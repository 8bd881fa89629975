/** A server of remote-read as its messages declare them: what it has is plain, and how it answers is scripted. */

import { createServer, type ServerResponse } from 'node:http'
import { compressSync, uncompressSync } from 'snappy'
import { ProtoReader } from '../../src/otlp/decode/reader.ts'
import { crc32c } from '../../src/read/prometheus-tsdb/crc32c.ts'
import { closeNow, listenLocally } from './local-server.ts'
import { encodeWrite } from './remote-write.ts'
import { type Value, valueBits } from './writing.ts'

export interface StoredSeries {
  readonly labels: Readonly<Record<string, string>>
  readonly samples: readonly (readonly [timeMs: number, value: Value])[]
}

/** One query as it came. */
export interface ReadQuery {
  readonly fromMs: number
  /** In it. */
  readonly toMs: number
  readonly matchers: readonly { readonly type: number; readonly name: string; readonly value: string }[]
  readonly accepted: readonly number[]
}

class BitWriter {
  private readonly bits: number[] = []

  put(value: bigint, count: number): void {
    for (let at = count - 1; at >= 0; at--) this.bits.push(Number((value >> BigInt(at)) & 1n))
  }

  /** A varint, at the place where the bits are. */
  uvarint(value: bigint): void {
    let left = value
    for (; left >= 0x80n; left >>= 7n) this.put((left & 0x7fn) | 0x80n, 8)
    this.put(left, 8)
  }

  bytes(): Buffer {
    const out = Buffer.alloc(Math.ceil(this.bits.length / 8))
    this.bits.forEach((bit, at) => {
      out[at >> 3] = (out[at >> 3] as number) | (bit << (7 - (at & 7)))
    })
    return out
  }
}

/** A chunk of encoding 1, nothing of it made short. */
export function xorChunk(samples: StoredSeries['samples']): Buffer {
  const bits = new BitWriter()
  bits.put(BigInt(samples.length), 16)
  let value = 0n
  let time = 0n
  let delta = 0n
  samples.forEach(([ms, plain], at) => {
    const now = BigInt(valueBits(plain))
    if (at === 0) {
      bits.uvarint(BigInt(ms) * 2n)
      bits.put(now, 64)
    } else {
      const next = BigInt(ms) - time
      if (at === 1) bits.uvarint(next)
      else {
        bits.put(0b1111n, 4)
        bits.put(BigInt.asUintN(64, next - delta), 64)
      }
      delta = next
      const xor = value ^ now
      if (xor === 0n) bits.put(0n, 1)
      else {
        bits.put(0b11n, 2)
        bits.put(0n, 5)
        bits.put(0n, 6)
        bits.put(xor, 64)
      }
    }
    value = now
    time = BigInt(ms)
  })
  return bits.bytes()
}

const varint = (value: number): Buffer => {
  const out: number[] = []
  let left = value
  for (; left >= 0x80; left = Math.floor(left / 128)) out.push((left % 128) | 0x80)
  return Buffer.from([...out, left])
}

const field = (tag: number, content: Uint8Array): Buffer => Buffer.concat([Buffer.from([tag]), varint(content.length), content])
const number = (tag: number, value: number): Buffer => Buffer.concat([Buffer.from([tag]), varint(value)])

const byName = ([left]: readonly [string, unknown], [right]: readonly [string, unknown]): number => (left < right ? -1 : 1)

/** A frame of one series, its samples in chunks of `size`. */
export function frameOf({ labels, samples }: StoredSeries, size = 120): Buffer {
  const parts = Object.entries(labels)
    .sort(byName)
    .map(([name, value]) => field(0x0a, Buffer.concat([field(0x0a, Buffer.from(name)), field(0x12, Buffer.from(value))])))
  for (let at = 0; at < samples.length; at += size) {
    const own = samples.slice(at, at + size)
    const bounds = [number(0x08, own[0]?.[0] ?? 0), number(0x10, own.at(-1)?.[0] ?? 0), number(0x18, 1)]
    parts.push(field(0x12, Buffer.concat([...bounds, field(0x22, xorChunk(own))])))
  }
  const message = field(0x0a, Buffer.concat(parts))
  const crc = Buffer.alloc(4)
  crc.writeUInt32BE(crc32c(message))
  return Buffer.concat([varint(message.length), crc, message])
}

/** A `ReadResponse`, compressed. */
export function samplesAnswer(series: readonly StoredSeries[]): Buffer {
  const timeseries = series.map(({ labels, samples }) => ({
    labels: Object.entries(labels)
      .sort(byName)
      .map(([name, value]) => ({ name, value })),
    samples: samples.map(([ms, value]) => ({ timestamp: String(ms), value: valueBits(value) })),
  }))
  return compressSync(field(0x0a, encodeWrite(1, { timeseries })))
}

const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

function fieldsOf(bytes: Uint8Array, onField: (tag: number, value: number | Uint8Array) => void): void {
  const reader = new ProtoReader(bytes)
  while (reader.at < reader.end) {
    const tag = reader.varint32()
    if ((tag & 7) === 0) {
      const words = { hi: 0, lo: 0 }
      reader.varint64(words)
      onField(tag, words.hi * 2 ** 32 + (words.lo >>> 0))
    } else {
      const length = reader.varint32()
      onField(tag, bytes.subarray(reader.at, reader.at + length))
      reader.at += length
    }
  }
}

export function queryOf(body: Buffer): ReadQuery {
  let fromMs = 0
  let toMs = 0
  let accepted: readonly number[] = []
  const matchers: { type: number; name: string; value: string }[] = []
  fieldsOf(uncompressSync(body) as Buffer, (tag, value) => {
    if (tag === 0x12) accepted = [...(value as Uint8Array)]
    if (tag !== 0x0a) return
    fieldsOf(value as Uint8Array, (inner, one) => {
      if (inner === 0x08) fromMs = one as number
      if (inner === 0x10) toMs = one as number
      if (inner !== 0x1a) return
      const matcher = { type: 0, name: '', value: '' }
      fieldsOf(one as Uint8Array, (own, part) => {
        if (own === 0x08) matcher.type = part as number
        if (own === 0x12) matcher.name = textOf(part as Uint8Array)
        if (own === 0x1a) matcher.value = textOf(part as Uint8Array)
      })
      matchers.push(matcher)
    })
  })
  return { fromMs, toMs, matchers, accepted }
}

const matches = ({ labels }: StoredSeries, { type, name, value }: ReadQuery['matchers'][number]): boolean => {
  const own = labels[name] ?? ''
  const isSame = type < 2 ? own === value : new RegExp(`^(?:${value})$`).test(own)
  return (type & 1) === 0 ? isSame : !isSame
}

/** Series of a query. Chunks are not cut to its range, as those of some servers are not. */
export const found = (store: readonly StoredSeries[], query: ReadQuery): StoredSeries[] =>
  store.filter(
    (one) => query.matchers.every((matcher) => matches(one, matcher)) && one.samples.some(([ms]) => ms >= query.fromMs && ms <= query.toMs),
  )

export interface ReadServer {
  readonly url: string
  readonly queries: ReadQuery[]
  close(): Promise<void>
}

/** @param script may answer in its own way: true when it has */
export async function startReadServer(
  store: () => readonly StoredSeries[],
  script: (query: ReadQuery, response: ServerResponse) => boolean = () => false,
): Promise<ReadServer> {
  const queries: ReadQuery[] = []
  const server = createServer((request, response) => {
    const pieces: Buffer[] = []
    request.on('data', (piece: Buffer) => pieces.push(piece))
    request.on('end', () => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      if (pathname.startsWith('/api/v1/label/')) {
        const data = [...new Set(store().map(({ labels }) => labels['__name__'] ?? ''))].sort()
        response.setHeader('content-type', 'application/json')
        response.end(JSON.stringify({ status: 'success', data }))
      } else if (pathname === '/api/v1/read') {
        const query = queryOf(Buffer.concat(pieces))
        queries.push(query)
        if (script(query, response)) return
        const series = found(store(), query)
        if (query.accepted[0] === 0) {
          response.setHeader('content-type', 'application/x-protobuf')
          response.setHeader('content-encoding', 'snappy')
          response.end(samplesAnswer(series))
        } else {
          response.setHeader('content-type', 'application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse')
          for (const one of series) response.write(frameOf(one))
          response.end()
        }
      } else {
        response.statusCode = 404
        response.end('{"status":"error","error":"no such page"}')
      }
    })
  })
  const port = await listenLocally(server)
  return { url: `http://127.0.0.1:${port}`, queries, close: () => closeNow(server) }
}
