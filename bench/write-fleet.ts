/**
 * Series as fleets of Prometheus targets have them, as many as asked for, and requests of remote-write out of them. A series is made of its number
 * when it is needed: a million of them are to cost the measuring process nothing.
 */

import { createRequire } from 'node:module'
import { randomFrom } from '../test/crash/support/random.ts'

const { compressSync } = createRequire(import.meta.url)('snappy') as { compressSync(plain: Uint8Array): Uint8Array }

/** fleet: 60 % counters, 34 % gauges, 6 % native histograms, 11 labels. classic: half of the series are members of histograms of 12 buckets. */
export const mixes = ['fleet', 'classic'] as const
export type Mix = (typeof mixes)[number]

/** Type of a metric as remote-write numbers it. */
const Type = { Counter: 1, Gauge: 2, Histogram: 3 } as const

/** What a bucket of native histograms, or of classic ones, is bounded by. */
const bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10].map(String)
const seriesPerTarget = 1000
/** 12 buckets, sum, count. */
const members = bounds.length + 3
const services = ['web', 'basket', 'orders', 'billing', 'stock', 'parcels', 'mail', 'accounts'] as const
const routes = ['/v2/orders', '/v2/basket', '/v2/accounts', '/v2/bills', '/ready', '/v2/stock'] as const
const codes = ['200', '204', '404', '500'] as const
const methods = ['GET', 'POST', 'PUT', 'DELETE'] as const

export interface Series {
  /** Names and values in turn, in the order of the names. */
  readonly labels: readonly string[]
  readonly family: string
  readonly type: number
  readonly native: boolean
  /** What it counts up to in a round, or its value. */
  readonly value: number
}

const pick = <T>(from: readonly T[], at: number): T => from[at % from.length] as T

const targetOf = (number: number): { target: number; service: string; instance: string } => {
  const target = Math.floor(number / seriesPerTarget)
  return { target, service: pick(services, target), instance: `10.${(target >> 14) & 255}.${(target >> 6) & 255}.${target & 63}:9100` }
}

/** Ten metrics of each kind, so that there are a hundred series of each at a target. */
function fleetSeries(number: number, round: number): Series {
  const { target, service, instance } = targetOf(number)
  const kind = number % 50
  const native = kind >= 47
  const [type, family] = native
    ? [Type.Histogram, `rpc_duration_${kind}_seconds`]
    : kind < 30
      ? [Type.Counter, `http_requests_${pick(['served', 'failed', 'retried'], kind)}_${kind % 10}_total`]
      : [Type.Gauge, `queue_${pick(['depth', 'age', 'limit'], kind)}_${kind % 10}`]
  return {
    family,
    type,
    native,
    value: kind < 30 ? (number % 1000) * 7 + round * 13 : (number % 977) / 8 + round,
    labels: [
      ...['__name__', family, 'cluster', 'prod-eu-1', 'code', pick(codes, number >> 2), 'container', service, 'instance', instance],
      ...['job', `shop/${service}`, 'method', pick(methods, number >> 4), 'namespace', 'shop', 'pod', `${service}-7d9f8b6c5-${target}`],
      ...['route', pick(routes, number >> 6), 'shard', String(number % seriesPerTarget)],
    ],
  }
}

/** As node-exporter and its like: labels are few, and half of all series belong to classic histograms. */
function classicSeries(number: number, round: number): Series {
  const { target, instance } = targetOf(number)
  const place = number % seriesPerTarget
  const own = ['cluster', 'prod-eu-1']
  const rest = ['instance', instance, 'job', 'node']
  const histograms = Math.floor(seriesPerTarget / 2 / members)
  const histogram = Math.floor(place / members)
  if (histogram >= histograms) {
    const isCounter = place % 3 !== 0
    const family = isCounter ? `node_${pick(['cpu', 'disk', 'network'], place)}_${place % 20}_total` : `node_memory_${place % 20}_bytes`
    const labels = ['__name__', family, ...own, 'device', `dev${place}`, ...rest, 'mode', pick(['idle', 'user', 'system'], place)]
    return { labels, family, type: isCounter ? Type.Counter : Type.Gauge, native: false, value: place * 3 + round * 5 }
  }
  const member = place % members
  const family = `http_request_duration_${histogram % 5}_seconds`
  const handler = ['handler', pick(routes, histogram + target)]
  const at = { family, type: Type.Histogram, native: false, value: (Math.min(member, 11) + 1) * (round + 1) * 5 }
  const code = ['code', String(200 + histogram)]
  if (member > bounds.length) {
    const name = family + (member === bounds.length + 1 ? '_sum' : '_count')
    return { ...at, labels: ['__name__', name, ...own, ...code, ...handler, ...rest], value: 12 * (round + 1) * 5 }
  }
  const le = ['le', bounds[member] ?? '+Inf']
  return { ...at, labels: ['__name__', `${family}_bucket`, ...own, ...code, ...handler, ...rest, ...le] }
}

/** A series by its number. @param round the higher, the more its counters say */
export const seriesOf = (mix: Mix, number: number, round: number): Series =>
  mix === 'fleet' ? fleetSeries(number, round) : classicSeries(number, round)

/** Protobuf, forwards: messages are short, so that their length can be put before them when it is known. */
class Writer {
  private bytes = Buffer.alloc(1 << 20)
  private at = 0

  clear(): void {
    this.at = 0
  }

  written(): Buffer {
    return this.bytes.subarray(0, this.at)
  }

  private ensure(count: number): void {
    if (this.at + count <= this.bytes.length) return
    this.bytes = Buffer.concat([this.bytes, Buffer.alloc(this.bytes.length + count)])
  }

  varint(value: number): void {
    this.ensure(10)
    let rest = value
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.bytes[this.at++] = (rest % 128) | 0x80
    this.bytes[this.at++] = rest
  }

  double(tag: number, value: number): void {
    this.varint(tag)
    this.ensure(8)
    this.at = this.bytes.writeDoubleLE(value, this.at)
  }

  number(tag: number, value: number): void {
    this.varint(tag)
    this.varint(value)
  }

  text(tag: number, text: string): void {
    this.varint(tag)
    this.varint(Buffer.byteLength(text))
    this.ensure(text.length * 3)
    this.at += this.bytes.write(text, this.at)
  }

  block(tag: number, content: Buffer): void {
    this.varint(tag)
    this.varint(content.length)
    this.ensure(content.length)
    this.at += content.copy(this.bytes, this.at)
  }
}

const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value)

/** Fields of a `Histogram`: 24 buckets in two spans, schema 3. */
function writeHistogram(writer: Writer, part: Writer, count: number, timeMs: number): void {
  const deltas = Array.from({ length: 24 }, (_, at) => (at === 0 ? count : at % 2 === 0 ? 1 : -1))
  let [total, bucket] = [0, 0]
  for (const delta of deltas) total += bucket += delta
  writer.number(0x08, total)
  writer.double(0x19, total / 100)
  writer.number(0x20, zigzag(3))
  writer.double(0x29, 1e-128)
  writer.number(0x30, 0)
  for (const offset of [-4, 2]) {
    part.clear()
    part.number(0x08, zigzag(offset))
    part.number(0x10, 12)
    writer.block(0x5a, part.written())
  }
  part.clear()
  for (const delta of deltas) part.varint(zigzag(delta))
  writer.block(0x62, part.written())
  writer.number(0x78, timeMs)
}

/** Encodes requests; holds the memory for that. */
export function createRequests(mix: Mix, version: 1 | 2) {
  const [request, series, part, inner] = [new Writer(), new Writer(), new Writer(), new Writer()]

  const point = ({ native, value }: Series, timeMs: number): void => {
    part.clear()
    if (native) {
      writeHistogram(part, inner, 2 + Math.floor(value), timeMs)
      series.block(version === 1 ? 0x22 : 0x1a, part.written())
      return
    }
    part.double(0x09, value)
    part.number(0x10, timeMs)
    series.block(0x12, part.written())
  }

  const first = (one: Series, timeMs: number): void => {
    for (let at = 0; at < one.labels.length; at += 2) {
      part.clear()
      part.text(0x0a, one.labels[at] as string)
      part.text(0x12, one.labels[at + 1] as string)
      series.block(0x0a, part.written())
    }
    point(one, timeMs)
    request.block(0x0a, series.written())
  }

  const second = (one: Series, timeMs: number, symbolOf: (text: string) => number): void => {
    part.clear()
    for (const text of one.labels) part.varint(symbolOf(text))
    series.block(0x0a, part.written())
    point(one, timeMs)
    part.clear()
    part.number(0x08, one.type)
    part.number(0x18, symbolOf(`What ${one.family} is about.`))
    series.block(0x2a, part.written())
    request.block(0x2a, series.written())
  }

  return {
    /** A request of the series `from` to `to`, compressed, with their time and the values of a round. */
    samples(from: number, to: number, round: number, timeMs: number): Uint8Array {
      const symbols = new Map<string, number>([['', 0]])
      const symbolOf = (text: string): number => {
        const known = symbols.get(text)
        if (known !== undefined) return known
        symbols.set(text, symbols.size)
        return symbols.size - 1
      }
      request.clear()
      for (let number = from; number < to; number++) {
        series.clear()
        const one = seriesOf(mix, number, round)
        if (version === 1) first(one, timeMs)
        else second(one, timeMs, symbolOf)
      }
      if (version === 2) for (const text of symbols.keys()) request.text(0x22, text)
      return compressSync(request.written())
    },
    /** 1.0: metadata of all families, as Prometheus sends it, in a request of its own. */
    metadata(): Uint8Array {
      const families = new Map<string, number>()
      for (let number = 0; number < seriesPerTarget; number++) {
        const { family, type } = seriesOf(mix, number, 0)
        families.set(family, type)
      }
      request.clear()
      for (const [family, type] of families) {
        series.clear()
        series.number(0x08, type)
        series.text(0x12, family)
        series.text(0x22, `What ${family} is about.`)
        request.block(0x1a, series.written())
      }
      return compressSync(request.written())
    },
  }
}

/** Sizes of requests, 500 to 2000 series, the same every time. */
export function requestSizes(series: number): number[] {
  const random = randomFrom(11)
  const sizes: number[] = []
  for (let left = series; left > 0; left -= sizes.at(-1) as number) sizes.push(Math.min(left, 500 + Math.floor(random() * 1501)))
  return sizes
}
