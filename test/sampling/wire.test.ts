import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import type { SamplingStrategy } from '../../src/sampling/strategies.ts'
import { serviceToProto, strategyFromJson, strategyFromProto, strategyToJson, strategyToProto } from '../../src/sampling/wire.ts'

const root = protobuf.parse(`
syntax = "proto3";
package jaeger.api_v2;
enum SamplingStrategyType { PROBABILISTIC = 0; RATE_LIMITING = 1; }
message ProbabilisticSamplingStrategy { double samplingRate = 1; }
message RateLimitingSamplingStrategy { int32 maxTracesPerSecond = 1; }
message OperationSamplingStrategy { string operation = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2; }
message PerOperationSamplingStrategies {
  double defaultSamplingProbability = 1; double defaultLowerBoundTracesPerSecond = 2;
  repeated OperationSamplingStrategy perOperationStrategies = 3; double defaultUpperBoundTracesPerSecond = 4; }
message SamplingStrategyResponse {
  SamplingStrategyType strategyType = 1; ProbabilisticSamplingStrategy probabilisticSampling = 2;
  RateLimitingSamplingStrategy rateLimitingSampling = 3; PerOperationSamplingStrategies operationSampling = 4; }
message SamplingStrategyParameters { string serviceName = 1; }
`).root
const Response = root.lookupType('jaeger.api_v2.SamplingStrategyResponse')
const Parameters = root.lookupType('jaeger.api_v2.SamplingStrategyParameters')

const rate = fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value))
const probabilistic = fc.record({ samplingRate: rate })
const strategies: fc.Arbitrary<SamplingStrategy> = fc.record(
  {
    strategyType: fc.constantFrom('PROBABILISTIC' as const, 'RATE_LIMITING' as const),
    probabilisticSampling: probabilistic,
    rateLimitingSampling: fc.record({ maxTracesPerSecond: fc.integer() }),
    operationSampling: fc.record({
      defaultSamplingProbability: rate,
      defaultLowerBoundTracesPerSecond: rate,
      perOperationStrategies: fc.array(fc.record({ operation: fc.string({ unit: 'grapheme' }), probabilisticSampling: probabilistic })),
      defaultUpperBoundTracesPerSecond: rate,
    }),
  },
  { requiredKeys: ['strategyType'] },
)

describe('strategyToProto', () => {
  it('writes what protobufjs reads', () => {
    fc.assert(
      fc.property(strategies, (strategy) => {
        const read = Response.toObject(Response.decode(strategyToProto(strategy)), { enums: String, defaults: true })
        const plain = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== null))
        expect(plain).toEqual(strategy)
      }),
    )
  })
})

describe('strategyFromProto', () => {
  it('reads what protobufjs writes, and unknown fields do no harm', () => {
    fc.assert(
      fc.property(strategies, (strategy) => {
        const bytes = Response.encode(Response.fromObject(strategy)).finish()
        expect(strategyFromProto(Buffer.concat([bytes, Buffer.from([0x78, 5])]))).toEqual(strategy)
      }),
    )
  })

  it('throws OB_DECODE_PROTO for what is cut off', () => {
    const bytes = strategyToProto({ strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate: 0.5 } })
    expect(() => strategyFromProto(bytes.subarray(0, bytes.length - 1))).toThrow(expect.objectContaining({ code: 'OB_DECODE_PROTO' }))
  })
})

describe('strategyToJson', () => {
  it('comes back as it was, in both forms', () => {
    fc.assert(
      fc.property(strategies, (strategy) => {
        for (const numbers of [false, true]) expect(strategyFromJson(JSON.parse(strategyToJson(strategy, numbers)))).toEqual(strategy)
      }),
    )
  })

  it('J-M4: writes the type as a number for old clients', () => {
    const strategy: SamplingStrategy = { strategyType: 'RATE_LIMITING', rateLimitingSampling: { maxTracesPerSecond: 3 } }
    expect(strategyToJson(strategy, true)).toBe('{"strategyType":1,"rateLimitingSampling":{"maxTracesPerSecond":3}}')
  })
})

describe('serviceToProto', () => {
  it('writes what protobufjs reads', () => {
    expect(Parameters.toObject(Parameters.decode(serviceToProto('caf\u00e9')))).toEqual({ serviceName: 'café' })
  })
})
