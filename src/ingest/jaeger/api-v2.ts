/** The files of Jaeger's api_v2 as reflection describes them. @see model.proto, collector.proto, sampling.proto in jaegertracing/jaeger-idl */

import { type ProtoFile, timeFiles } from '../grpc-descriptors.ts'

const p = '.jaeger.api_v2.'
const time = '.google.protobuf.Timestamp'

const model: ProtoFile = {
  name: 'model.proto',
  package: 'jaeger.api_v2',
  imports: timeFiles.map(({ name }) => name),
  messages: {
    KeyValue: {
      key: [1, 'string'],
      v_type: [2, `enum ${p}ValueType`],
      v_str: [3, 'string'],
      v_bool: [4, 'bool'],
      v_int64: [5, 'int64'],
      v_float64: [6, 'double'],
      v_binary: [7, 'bytes'],
    },
    Log: { timestamp: [1, time], fields: [2, `repeated ${p}KeyValue`] },
    SpanRef: { trace_id: [1, 'bytes'], span_id: [2, 'bytes'], ref_type: [3, `enum ${p}SpanRefType`] },
    Process: { service_name: [1, 'string'], tags: [2, `repeated ${p}KeyValue`] },
    Span: {
      trace_id: [1, 'bytes'],
      span_id: [2, 'bytes'],
      operation_name: [3, 'string'],
      references: [4, `repeated ${p}SpanRef`],
      flags: [5, 'uint32'],
      start_time: [6, time],
      duration: [7, '.google.protobuf.Duration'],
      tags: [8, `repeated ${p}KeyValue`],
      logs: [9, `repeated ${p}Log`],
      process: [10, `${p}Process`],
      process_id: [11, 'string'],
      warnings: [12, 'repeated string'],
    },
    Batch: { spans: [1, `repeated ${p}Span`], process: [2, `${p}Process`] },
  },
  enums: { ValueType: ['STRING', 'BOOL', 'INT64', 'FLOAT64', 'BINARY'], SpanRefType: ['CHILD_OF', 'FOLLOWS_FROM'] },
}

const collector: ProtoFile = {
  name: 'collector.proto',
  package: 'jaeger.api_v2',
  imports: ['model.proto'],
  messages: { PostSpansRequest: { batch: [1, `${p}Batch`] }, PostSpansResponse: {} },
  services: { CollectorService: { PostSpans: [`${p}PostSpansRequest`, `${p}PostSpansResponse`] } },
}

/** What `SamplingManager` alone needs. */
export const samplingFiles: readonly ProtoFile[] = [
  {
    name: 'sampling.proto',
    package: 'jaeger.api_v2',
    messages: {
      ProbabilisticSamplingStrategy: { samplingRate: [1, 'double'] },
      RateLimitingSamplingStrategy: { maxTracesPerSecond: [1, 'int32'] },
      OperationSamplingStrategy: { operation: [1, 'string'], probabilisticSampling: [2, `${p}ProbabilisticSamplingStrategy`] },
      PerOperationSamplingStrategies: {
        defaultSamplingProbability: [1, 'double'],
        defaultLowerBoundTracesPerSecond: [2, 'double'],
        perOperationStrategies: [3, `repeated ${p}OperationSamplingStrategy`],
        defaultUpperBoundTracesPerSecond: [4, 'double'],
      },
      SamplingStrategyResponse: {
        strategyType: [1, `enum ${p}SamplingStrategyType`],
        probabilisticSampling: [2, `${p}ProbabilisticSamplingStrategy`],
        rateLimitingSampling: [3, `${p}RateLimitingSamplingStrategy`],
        operationSampling: [4, `${p}PerOperationSamplingStrategies`],
      },
      SamplingStrategyParameters: { serviceName: [1, 'string'] },
    },
    enums: { SamplingStrategyType: ['PROBABILISTIC', 'RATE_LIMITING'] },
    services: { SamplingManager: { GetSamplingStrategy: [`${p}SamplingStrategyParameters`, `${p}SamplingStrategyResponse`] } },
  },
]

/** What the collector's port needs. */
export const collectorFiles: readonly ProtoFile[] = [...timeFiles, model, collector, ...samplingFiles]
