/** Bodies of remote-write as good and as hostile senders write them: requests of series in both versions, raw protobuf, raw snappy. */

import { bitsOf, encodeWrite, snappyBody, type Version } from '../../support/remote-write.ts'

export const writePath = '/api/v1/write'

export const contentTypes: Readonly<Record<Version, string>> = {
  1: 'application/x-protobuf',
  2: 'application/x-protobuf;proto=io.prometheus.write.v2.Request',
}

export const writeHeaders = (version: Version): Record<string, string> => ({
  'content-type': contentTypes[version],
  'content-encoding': 'snappy',
})

/** Time of all samples that do not say another, ms. */
export const nowMs = Date.now() - 1000

export type Labels = readonly (readonly [name: string, value: string])[]

/** A sample: its value, or its bits in decimal; and its time. */
export type Sample = readonly [value: number | string, timeMs?: number | bigint]

/** One series in the words of neither version. */
export interface Series {
  readonly labels: Labels
  readonly samples?: readonly Sample[]
  readonly histograms?: readonly object[]
  readonly exemplars?: readonly { readonly labels: Labels; readonly value?: number; readonly timeMs?: number }[]
  /** 2.0 only: type, help, unit. */
  readonly metadata?: readonly [type: number, help: string, unit: string]
  readonly createdMs?: number
}

const sampleOf = ([value, timeMs = nowMs]: Sample): object => ({
  value: typeof value === 'string' ? value : bitsOf(value),
  timestamp: String(timeMs),
})

/** A native histogram with a count and a sum of its own, changed as said. */
export const nativeOf = (change: object = {}): object => ({
  count_int: '3',
  sum: bitsOf(7),
  schema: 0,
  zero_threshold: bitsOf(0.001),
  zero_count_int: '0',
  positive_spans: [{ offset: 0, length: 2 }],
  positive_deltas: ['1', '1'],
  timestamp: String(nowMs),
  ...change,
})

function requestOf1(all: readonly Series[]): object {
  const labelsOf = (labels: Labels): object[] => labels.map(([name, value]) => ({ name, value }))
  return {
    timeseries: all.map(({ labels, samples = [], histograms = [], exemplars = [] }) => ({
      labels: labelsOf(labels),
      samples: samples.map(sampleOf),
      histograms,
      exemplars: exemplars.map((one) => ({ ...sampleOf([one.value ?? 1, one.timeMs ?? nowMs]), labels: labelsOf(one.labels) })),
    })),
  }
}

function requestOf2(all: readonly Series[]): object {
  const symbols = new Map<string, number>([['', 0]])
  const symbol = (text: string): number => {
    const found = symbols.get(text)
    if (found !== undefined) return found
    symbols.set(text, symbols.size)
    return symbols.size - 1
  }
  const references = (labels: Labels): number[] => labels.flatMap(([name, value]) => [symbol(name), symbol(value)])
  const timeseries = all.map(({ labels, samples = [], histograms = [], exemplars = [], metadata, createdMs }) => ({
    labels_refs: references(labels),
    samples: samples.map(sampleOf),
    histograms,
    exemplars: exemplars.map((one) => ({ ...sampleOf([one.value ?? 1, one.timeMs ?? nowMs]), labels_refs: references(one.labels) })),
    ...(metadata === undefined ? {} : { metadata: { type: metadata[0], help_ref: symbol(metadata[1]), unit_ref: symbol(metadata[2]) } }),
    ...(createdMs === undefined ? {} : { created_timestamp: String(createdMs) }),
  }))
  return { symbols: [...symbols.keys()], timeseries }
}

/** Series as a plain request. */
export const plainOf = (version: Version, all: readonly Series[]): Uint8Array =>
  encodeWrite(version, version === 1 ? requestOf1(all) : requestOf2(all))

/** Series as they are sent. */
export const bodyOf = (version: Version, all: readonly Series[]): Uint8Array => snappyBody(plainOf(version, all))

/** A good series with one sample. */
export const good = (name: string, labels: Labels = []): Series => ({ labels: [['__name__', name], ...labels], samples: [[1]] })

// Raw protobuf

export const varint = (value: number | bigint): Buffer => {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  bytes.push(Number(rest))
  return Buffer.from(bytes)
}

/** A field of bytes, or of text. */
export const field = (number: number, ...content: readonly (Uint8Array | string)[]): Buffer => {
  const bytes = Buffer.concat(content.map((one) => (typeof one === 'string' ? Buffer.from(one) : one)))
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes])
}

export const integer = (number: number, value: number | bigint): Buffer => Buffer.concat([varint(number * 8), varint(value)])

export const double = (number: number, value: number): Buffer => {
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleLE(value)
  return Buffer.concat([varint(number * 8 + 1), bytes])
}

/** `piece` so many times. */
export const times = (piece: Uint8Array, count: number): Buffer => Buffer.alloc(piece.length * count, piece)

/** A sample as field 2 of a series. */
export const rawSample = (value = 1, timeMs = nowMs): Buffer => field(2, double(1, value), integer(2, timeMs))

/** Packed references. */
export const rawLabels = (...references: readonly number[]): Buffer => field(1, ...references.map(varint))

// Raw snappy

const literal = (data: Uint8Array): Buffer => {
  if (data.length === 0) return Buffer.alloc(0)
  if (data.length <= 60) return Buffer.concat([Buffer.of((data.length - 1) << 2), data])
  const head = Buffer.alloc(5)
  head[0] = 63 << 2
  head.writeUInt32LE(data.length - 1, 1)
  return Buffer.concat([head, data])
}

/** A block of one literal. @param declared what it says it will be */
export const snappyLiteral = (data: Uint8Array, declared: number | bigint | Uint8Array = data.length): Buffer =>
  Buffer.concat([declared instanceof Uint8Array ? declared : varint(declared), literal(data)])

/** A block of a literal and a copy of 4 bytes with an offset of two bytes. */
export const snappyCopy = (data: Uint8Array, offset: number): Buffer =>
  Buffer.concat([varint(data.length + 4), literal(data), Buffer.of((3 << 2) | 2, offset & 0xff, offset >> 8)])
