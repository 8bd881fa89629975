/** Sampling strategies as they go over the wire: Jaeger's JSON, in both of its forms, and `jaeger.api_v2` protobuf. Rules J-M3 and J-M4. */

import { ProtoReader, WireType } from '../otlp/decode/reader.ts'
import type { OperationSampling, OperationStrategy, SamplingStrategy, StrategyType } from './strategies.ts'

const types: readonly StrategyType[] = ['PROBABILISTIC', 'RATE_LIMITING']

/** The JSON of `/sampling`; with `numbers` that of the old `/`, for clients made with Thrift 0.9.2. */
export function strategyToJson(strategy: SamplingStrategy, numbers = false): string {
  const { strategyType, probabilisticSampling, rateLimitingSampling, operationSampling } = strategy
  return JSON.stringify({
    strategyType: numbers ? types.indexOf(strategyType) : strategyType,
    probabilisticSampling,
    rateLimitingSampling,
    operationSampling: operationSampling && {
      defaultSamplingProbability: operationSampling.defaultSamplingProbability,
      defaultLowerBoundTracesPerSecond: operationSampling.defaultLowerBoundTracesPerSecond,
      perOperationStrategies: operationSampling.perOperationStrategies,
      defaultUpperBoundTracesPerSecond: operationSampling.defaultUpperBoundTracesPerSecond,
    },
  })
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

const numberOf = (value: unknown): number => (typeof value === 'number' ? value : Number(value ?? 0))

const rateOf = (value: unknown): { samplingRate: number } => ({ samplingRate: numberOf(isObject(value) ? value['samplingRate'] : 0) })

/** What another Jaeger answered to `/sampling`, enum as text or number. Undefined when it is not a strategy. */
export function strategyFromJson(json: unknown): SamplingStrategy | undefined {
  if (!isObject(json)) return undefined
  const { probabilisticSampling, rateLimitingSampling, operationSampling } = json
  const type = json['strategyType'] ?? 0
  const strategyType = typeof type === 'number' ? types[type] : types.find((one) => one === type)
  if (strategyType === undefined) return undefined
  return {
    strategyType,
    ...(isObject(probabilisticSampling) ? { probabilisticSampling: rateOf(probabilisticSampling) } : {}),
    ...(isObject(rateLimitingSampling)
      ? { rateLimitingSampling: { maxTracesPerSecond: numberOf(rateLimitingSampling['maxTracesPerSecond']) } }
      : {}),
    ...(isObject(operationSampling) ? { operationSampling: operationsFromJson(operationSampling) } : {}),
  }
}

function operationsFromJson(json: Readonly<Record<string, unknown>>): OperationSampling {
  const list = json['perOperationStrategies']
  return {
    defaultSamplingProbability: numberOf(json['defaultSamplingProbability']),
    defaultLowerBoundTracesPerSecond: numberOf(json['defaultLowerBoundTracesPerSecond']),
    perOperationStrategies: (Array.isArray(list) ? list : []).filter(isObject).map((one) => ({
      operation: String(one['operation'] ?? ''),
      probabilisticSampling: rateOf(one['probabilisticSampling']),
    })),
    defaultUpperBoundTracesPerSecond: numberOf(json['defaultUpperBoundTracesPerSecond']),
  }
}

// message SamplingStrategyResponse { SamplingStrategyType strategyType = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2;
//   RateLimitingSamplingStrategy rateLimitingSampling = 3; PerOperationSamplingStrategies operationSampling = 4; }
// message ProbabilisticSamplingStrategy { double samplingRate = 1; }   message RateLimitingSamplingStrategy { int32 maxTracesPerSecond = 1; }
// message PerOperationSamplingStrategies { double defaultSamplingProbability = 1; double defaultLowerBoundTracesPerSecond = 2;
//   repeated OperationSamplingStrategy perOperationStrategies = 3; double defaultUpperBoundTracesPerSecond = 4; }
// message OperationSamplingStrategy { string operation = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2; }

const nothing = Buffer.alloc(0)

function varint(value: number): Buffer {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80)
  return Buffer.from([...bytes, Number(rest)])
}

const message = (field: number, ...parts: readonly Buffer[]): Buffer => {
  const body = Buffer.concat(parts)
  return Buffer.concat([varint((field << 3) | WireType.Bytes), varint(body.length), body])
}

const integer = (field: number, value: number): Buffer =>
  value === 0 ? nothing : Buffer.concat([varint((field << 3) | WireType.Varint), varint(value)])

const double = (field: number, value: number): Buffer => {
  if (value === 0) return nothing
  const bytes = Buffer.alloc(9)
  bytes[0] = (field << 3) | WireType.Fixed64
  bytes.writeDoubleLE(value, 1)
  return bytes
}

const rate = (field: number, value: { readonly samplingRate: number }): Buffer => message(field, double(1, value.samplingRate))

const operationToProto = ({ operation, probabilisticSampling }: OperationStrategy): Buffer =>
  message(3, message(1, Buffer.from(operation)), rate(2, probabilisticSampling))

/** A `SamplingStrategyResponse`. Asked once a minute by each client: nothing here is in a hurry. */
export function strategyToProto(strategy: SamplingStrategy): Uint8Array {
  const { strategyType, probabilisticSampling, rateLimitingSampling, operationSampling } = strategy
  return Buffer.concat([
    integer(1, types.indexOf(strategyType)),
    probabilisticSampling === undefined ? nothing : rate(2, probabilisticSampling),
    rateLimitingSampling === undefined ? nothing : message(3, integer(1, rateLimitingSampling.maxTracesPerSecond)),
    operationSampling === undefined
      ? nothing
      : message(
          4,
          double(1, operationSampling.defaultSamplingProbability),
          double(2, operationSampling.defaultLowerBoundTracesPerSecond),
          ...operationSampling.perOperationStrategies.map(operationToProto),
          double(4, operationSampling.defaultUpperBoundTracesPerSecond),
        ),
  ])
}

/** Calls back for each field of a message that ends at `end`; what is not read by then is skipped. */
function fields(reader: ProtoReader, end: number, read: (field: number, wire: number) => boolean): void {
  const outer = reader.end
  reader.end = end
  while (reader.at < end) {
    const tag = reader.varint32()
    if (!read(tag >>> 3, tag & 7)) reader.skip(tag)
  }
  reader.end = outer
}

const readDouble = (reader: ProtoReader): number => {
  if (reader.end - reader.at < 8) reader.fail('cut off')
  reader.at += 8
  return reader.view.getFloat64(reader.at - 8, true)
}

const readText = (reader: ProtoReader): string => {
  const end = reader.length()
  const text = Buffer.from(reader.bytes.subarray(reader.at, end)).toString()
  reader.at = end
  return text
}

function readRate(reader: ProtoReader): { samplingRate: number } {
  let samplingRate = 0
  fields(reader, reader.length(), (field, wire) => {
    if (field !== 1 || wire !== WireType.Fixed64) return false
    samplingRate = readDouble(reader)
    return true
  })
  return { samplingRate }
}

function readOperation(reader: ProtoReader): OperationStrategy {
  let operation = ''
  let probabilisticSampling = { samplingRate: 0 }
  fields(reader, reader.length(), (field, wire) => {
    if (wire !== WireType.Bytes || field > 2) return false
    if (field === 1) operation = readText(reader)
    else probabilisticSampling = readRate(reader)
    return true
  })
  return { operation, probabilisticSampling }
}

function readOperations(reader: ProtoReader): OperationSampling {
  const doubles = [0, 0, 0, 0, 0]
  const perOperationStrategies: OperationStrategy[] = []
  fields(reader, reader.length(), (field, wire) => {
    if (field === 3 && wire === WireType.Bytes) perOperationStrategies.push(readOperation(reader))
    else if (field < doubles.length && wire === WireType.Fixed64) doubles[field] = readDouble(reader)
    else return false
    return true
  })
  return {
    defaultSamplingProbability: doubles[1] ?? 0,
    defaultLowerBoundTracesPerSecond: doubles[2] ?? 0,
    perOperationStrategies,
    defaultUpperBoundTracesPerSecond: doubles[4] ?? 0,
  }
}

/** A `SamplingStrategyResponse` of another Jaeger. Throws OB_DECODE_PROTO. */
export function strategyFromProto(bytes: Uint8Array): SamplingStrategy {
  const reader = new ProtoReader(bytes)
  let strategyType: StrategyType = 'PROBABILISTIC'
  let found: Omit<SamplingStrategy, 'strategyType'> = {}
  fields(reader, bytes.length, (field, wire) => {
    if (field === 1 && wire === WireType.Varint) strategyType = types[reader.varint32()] ?? reader.fail('unknown strategy type')
    else if (field === 2 && wire === WireType.Bytes) found = { ...found, probabilisticSampling: readRate(reader) }
    else if (field === 3 && wire === WireType.Bytes) found = { ...found, rateLimitingSampling: { maxTracesPerSecond: readLimit(reader) } }
    else if (field === 4 && wire === WireType.Bytes) found = { ...found, operationSampling: readOperations(reader) }
    else return false
    return true
  })
  return { strategyType, ...found }
}

function readLimit(reader: ProtoReader): number {
  let limit = 0
  fields(reader, reader.length(), (field, wire) => {
    if (field !== 1 || wire !== WireType.Varint) return false
    limit = reader.varint32() | 0
    return true
  })
  return limit
}

/** A `SamplingStrategyParameters`. */
export function serviceToProto(service: string): Uint8Array {
  return message(1, Buffer.from(service))
}
