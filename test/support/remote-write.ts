/** Remote-write by protobufjs: the messages as their .proto declares them, and what they and our columns say as plain values. */

import { createRequire } from 'node:module'
import protobuf from 'protobufjs'
import type { NativeHistogram, WriteRequest } from '../../src/translate/prometheus/model.ts'

const shared = `
  message Histogram {
    oneof count { uint64 count_int = 1; double count_float = 2; }
    double sum = 3;
    sint32 schema = 4;
    double zero_threshold = 5;
    oneof zero_count { uint64 zero_count_int = 6; double zero_count_float = 7; }
    repeated BucketSpan negative_spans = 8;
    repeated sint64 negative_deltas = 9;
    repeated double negative_counts = 10;
    repeated BucketSpan positive_spans = 11;
    repeated sint64 positive_deltas = 12;
    repeated double positive_counts = 13;
    int32 reset_hint = 14;
    int64 timestamp = 15;
    repeated double custom_values = 16;
    int64 start_timestamp = 17;
  }
  message BucketSpan { sint32 offset = 1; uint32 length = 2; }`

const v1 = `syntax = "proto3"; package v1;
  message Request { repeated TimeSeries timeseries = 1; repeated Metadata metadata = 3; }
  message TimeSeries { repeated Label labels = 1; repeated Sample samples = 2; repeated Exemplar exemplars = 3; repeated Histogram histograms = 4; }
  message Label { string name = 1; string value = 2; }
  message Sample { double value = 1; int64 timestamp = 2; }
  message Exemplar { repeated Label labels = 1; double value = 2; int64 timestamp = 3; }
  message Metadata { int32 type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
  ${shared}`

const v2 = `syntax = "proto3"; package v2;
  message Request { repeated string symbols = 4; repeated TimeSeries timeseries = 5; }
  message TimeSeries {
    repeated uint32 labels_refs = 1; repeated Sample samples = 2; repeated Histogram histograms = 3; repeated Exemplar exemplars = 4;
    Metadata metadata = 5; int64 created_timestamp = 6;
  }
  message Sample { double value = 1; int64 timestamp = 2; int64 start_timestamp = 3; }
  message Exemplar { repeated uint32 labels_refs = 1; double value = 2; int64 timestamp = 3; }
  message Metadata { int32 type = 1; uint32 help_ref = 3; uint32 unit_ref = 4; }
  ${shared}`

// The same on the wire: doubles as the bits they are, and repeated numbers one by one.
const asBits = (text: string): string => text.replaceAll('double ', 'fixed64 ')
const unpacked = (text: string): string =>
  text.replaceAll(/(repeated (?:uint32|sint64|double|fixed64) \w+ = \d+);/g, '$1 [packed = false];')
const requestOf = (text: string): protobuf.Type => protobuf.parse(text, { keepCase: true }).root.lookupType('Request')

const types = [v1, v2].map((text) => ({
  packed: requestOf(asBits(text)),
  unpacked: requestOf(unpacked(asBits(text))),
}))

export type Version = 1 | 2
export type Plain = { readonly [name: string]: unknown }

const typesOf = (version: Version): (typeof types)[number] => types[version - 1] as (typeof types)[number]

/** Bits of a double as they stand in a plain request, in decimal. */
export const bitsOf = (value: number): string => {
  const buffer = Buffer.alloc(8)
  buffer.writeDoubleBE(value)
  return buffer.readBigUInt64BE().toString()
}

const doubleOf = (bits: unknown): number => {
  const buffer = Buffer.alloc(8)
  buffer.writeBigUInt64BE(BigInt(bits as string))
  return buffer.readDoubleBE()
}

/** A request with its fields named as in the .proto; doubles are their bits, 64-bit integers are in decimal. */
export function encodeWrite(version: Version, request: object, layout: 'packed' | 'unpacked' = 'packed'): Uint8Array {
  const type = typesOf(version)[layout]
  return type.encode(type.fromObject(request)).finish()
}

/** What protobufjs reads: doubles as their bits. */
export function officialWrite(version: Version, body: Uint8Array): Plain {
  const type = typesOf(version).packed
  return type.toObject(type.decode(body), { longs: String, arrays: true })
}

const { compressSync } = createRequire(import.meta.url)('snappy') as { compressSync(plain: Uint8Array): Uint8Array }

/** A request as it is sent. */
export const snappyBody = (plain: Uint8Array): Uint8Array => compressSync(plain)

// What it must come to

type Read = Record<string, unknown>

const listOf = (value: unknown): readonly Read[] => (value ?? []) as readonly Read[]
const textOf = (value: unknown): string => (value ?? '') as string
const numberOf = (value: unknown): number => (value ?? 0) as number

const millisOf = (value: unknown): number => {
  const exact = BigInt((value ?? '0') as string)
  const most = BigInt(Number.MAX_SAFE_INTEGER)
  return Number(exact > most ? most : exact < -most ? -most : exact)
}

const hexBits = (value: unknown): string => BigInt((value ?? '0') as string).toString(16)

const expectedDeltas = (value: unknown): readonly (number | bigint)[] => {
  const exact = ((value ?? []) as readonly string[]).map(BigInt)
  return exact.every((one) => Number.isSafeInteger(Number(one))) ? exact.map(Number) : exact
}

const expectedSpans = (value: unknown): number[] => listOf(value).flatMap((one) => [numberOf(one['offset']), numberOf(one['length'])])
const expectedDoubles = (value: unknown): number[] => ((value ?? []) as readonly string[]).map(doubleOf)

const expectedHistogram = (one: Read): object => {
  const filled = (...names: readonly string[]): boolean => names.some((name) => listOf(one[name]).length > 0)
  return {
    timeMs: millisOf(one['timestamp']),
    startMs: millisOf(one['start_timestamp']),
    hasFloats: 'count_float' in one || 'zero_count_float' in one || filled('negative_counts', 'positive_counts'),
    hasInts: 'count_int' in one || 'zero_count_int' in one || filled('negative_deltas', 'positive_deltas'),
    count: hexBits(one['count_int']),
    countFloat: doubleOf(one['count_float'] ?? '0'),
    sum: hexBits(one['sum']),
    schema: numberOf(one['schema']),
    zeroThreshold: doubleOf(one['zero_threshold'] ?? '0'),
    zeroCount: hexBits(one['zero_count_int']),
    zeroCountFloat: doubleOf(one['zero_count_float'] ?? '0'),
    resetHint: numberOf(one['reset_hint']),
    negativeSpans: expectedSpans(one['negative_spans']),
    positiveSpans: expectedSpans(one['positive_spans']),
    negativeDeltas: expectedDeltas(one['negative_deltas']),
    positiveDeltas: expectedDeltas(one['positive_deltas']),
    negativeCounts: expectedDoubles(one['negative_counts']),
    positiveCounts: expectedDoubles(one['positive_counts']),
    customValues: expectedDoubles(one['custom_values']),
  }
}

/** The columns of an official request, as {@link plainWrite} shows them. Text is hex, so that no byte of it can hide. */
export function expectedWrite(version: Version, request: Plain): object {
  const symbols = (request['symbols'] ?? []) as readonly string[]
  const hex = (text: string): string => Buffer.from(text).toString('hex')
  const symbol = (reference: unknown): string => hex(symbols[numberOf(reference)] ?? '')
  const labelsOf = (holder: Read): object => {
    if (version === 1) return listOf(holder['labels']).map((one) => [hex(textOf(one['name'])), hex(textOf(one['value']))])
    const references = (holder['labels_refs'] ?? []) as readonly number[]
    return references.flatMap((one, at) => (at % 2 === 0 ? [[symbol(one), symbol(references[at + 1])]] : []))
  }
  const pointOf = (one: Read): object => ({ bits: hexBits(one['value']), timeMs: millisOf(one['timestamp']) })
  return {
    version,
    series: listOf(request['timeseries']).map((one) => {
      const metadata = (one['metadata'] ?? {}) as Read
      return {
        fault: 0,
        labels: labelsOf(one),
        samples: listOf(one['samples']).map((sample) => ({ ...pointOf(sample), startMs: millisOf(sample['start_timestamp']) })),
        histograms: listOf(one['histograms']).map(expectedHistogram),
        exemplars: listOf(one['exemplars']).map((exemplar) => ({ ...pointOf(exemplar), labels: labelsOf(exemplar) })),
        type: numberOf(metadata['type']),
        help: symbol(metadata['help_ref']),
        unit: symbol(metadata['unit_ref']),
        createdMs: millisOf(one['created_timestamp']),
      }
    }),
    metadata: listOf(request['metadata']).map((one) => ({
      type: numberOf(one['type']),
      family: hex(textOf(one['metric_family_name'])),
      help: hex(textOf(one['help'])),
      unit: hex(textOf(one['unit'])),
    })),
  }
}

// What our columns say

const hexWords = (hi: number, lo: number): string => ((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)

const plainHistogram = (one: NativeHistogram): object => {
  const { countHi, countLo, sumHi, sumLo, zeroCountHi, zeroCountLo, ...rest } = one
  return { ...rest, count: hexWords(countHi, countLo), sum: hexWords(sumHi, sumLo), zeroCount: hexWords(zeroCountHi, zeroCountLo) }
}

const range = (column: ArrayLike<number>, at: number): number[] => {
  const from = column[at] as number
  return Array.from({ length: (column[at + 1] as number) - from }, (_, i) => from + i)
}

/** The columns as objects, to be compared with {@link expectedWrite}. */
export function plainWrite(request: WriteRequest): object {
  const symbol = (at: number | undefined): string => {
    if (at === undefined || at < 0 || at >= request.symbolCount) throw new Error(`symbol ${at} of ${request.symbolCount}`)
    return Buffer.from(request.body.subarray(request.symbolStart[at], request.symbolEnd[at])).toString('hex')
  }
  const label = (at: number): [string, string] => [symbol(request.labelName[at]), symbol(request.labelValue[at])]
  return {
    version: request.version,
    series: Array.from({ length: request.seriesCount }, (_, at) => ({
      fault: request.seriesFault[at],
      labels: range(request.seriesLabels, at).map(label),
      samples: range(request.seriesSamples, at).map((one) => ({
        bits: hexWords(request.sampleHi[one] as number, request.sampleLo[one] as number),
        timeMs: request.sampleMs[one],
        startMs: request.sampleStartMs[one],
      })),
      histograms: range(request.seriesHistograms, at).map((one) => plainHistogram(request.histograms[one] as NativeHistogram)),
      exemplars: range(request.seriesExemplars, at).map((one) => ({
        bits: hexWords(request.exemplarHi[one] as number, request.exemplarLo[one] as number),
        timeMs: request.exemplarMs[one],
        labels: range([request.exemplarLabels[one] as number, request.exemplarLabelsEnd[one] as number], 0).map(label),
      })),
      type: request.seriesType[at],
      help: symbol(request.seriesHelp[at]),
      unit: symbol(request.seriesUnit[at]),
      createdMs: request.seriesCreatedMs[at],
    })),
    metadata: request.metadata.map((one) => ({
      type: one.type,
      family: symbol(one.family),
      help: symbol(one.help),
      unit: symbol(one.unit),
    })),
  }
}
