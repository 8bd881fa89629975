import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readStrategies, type Strategies, strategyFor } from '../../src/sampling/strategies.ts'
import { strategyFromJson, strategyToJson } from '../../src/sampling/wire.ts'
import { sharedFolder } from '../support/shared.ts'

const good = (json: unknown): Strategies => {
  const { strategies, fault } = readStrategies(json, 0.001)
  if (strategies === undefined) throw new Error(fault)
  return strategies
}

const probability = (samplingRate: number) => ({ strategyType: 'PROBABILISTIC', probabilisticSampling: { samplingRate } })

const op = (operation: string, samplingRate: number) => ({ operation, probabilisticSampling: { samplingRate } })

const operations = (defaultSamplingProbability: number, ...perOperationStrategies: object[]) => ({
  defaultSamplingProbability,
  defaultLowerBoundTracesPerSecond: 0,
  perOperationStrategies,
  defaultUpperBoundTracesPerSecond: 0,
})

describe('readStrategies', () => {
  it('J-M7: gives an unknown service the default strategy, and without one the built-in probability', () => {
    expect(strategyFor(good({ default_strategy: { type: 'probabilistic', param: 0.5 } }), 'x')).toEqual(probability(0.5))
    expect(strategyFor(good({}), 'x')).toEqual(probability(0.001))
    expect(strategyFor(good(null), 'x')).toEqual(probability(0.001))
  })

  it('J-M8: takes the built-in default for an unknown type, and says so', () => {
    const read = readStrategies({ service_strategies: [{ service: 'a', type: 'adaptive', param: 1 }] }, 0.001)
    expect(read.strategies?.services.get('a')).toEqual(probability(0.001))
    expect(read.warnings).toEqual(['service_strategies[0].type: unknown type `adaptive`, probabilistic 0.001 is used'])
  })

  it('J-M9: leaves out an operation that is rate limited, and says so', () => {
    const read = readStrategies(
      {
        service_strategies: [
          {
            service: 'a',
            type: 'probabilistic',
            param: 0.8,
            operation_strategies: [
              { operation: 'slow', type: 'ratelimiting', param: 3 },
              { operation: 'fast', type: 'probabilistic', param: 0.2 },
            ],
          },
        ],
      },
      0.001,
    )
    expect(read.strategies?.services.get('a')).toEqual({ ...probability(0.8), operationSampling: operations(0.8, op('fast', 0.2)) })
    expect(read.warnings).toEqual([
      'service_strategies[0].operation_strategies[0]: operations know probabilistic sampling only; `slow` is left out',
    ])
  })

  it('J-M10: cuts a rate to whole traces a second, and says so', () => {
    const read = readStrategies({ default_strategy: { type: 'ratelimiting', param: 0.9 } }, 0.001)
    expect(read.strategies?.fallback).toEqual({ strategyType: 'RATE_LIMITING', rateLimitingSampling: { maxTracesPerSecond: 0 } })
    expect(read.warnings).toHaveLength(1)
  })

  it("J-M11: copies the default's operations to a service without any, under the service's own probability", () => {
    const { services } = good({
      default_strategy: {
        type: 'probabilistic',
        param: 0.2,
        operation_strategies: [{ operation: '/health', type: 'probabilistic', param: 0 }],
      },
      service_strategies: [
        { service: 'p', type: 'probabilistic', param: 1 },
        { service: 'r', type: 'ratelimiting', param: 3 },
      ],
    })
    expect(services.get('p')).toEqual({ ...probability(1), operationSampling: operations(1, op('/health', 0)) })
    expect(services.get('r')).toEqual({
      strategyType: 'RATE_LIMITING',
      rateLimitingSampling: { maxTracesPerSecond: 3 },
      operationSampling: operations(0.2, op('/health', 0)),
    })
  })

  it("J-M12, J-M13: merges operations, the service's own first and stronger", () => {
    const { services } = good({
      default_strategy: {
        type: 'ratelimiting',
        param: 1,
        operation_strategies: [
          { operation: 'a', type: 'probabilistic', param: 0.1 },
          { operation: 'b', type: 'probabilistic', param: 0.2 },
        ],
      },
      service_strategies: [{ service: 's', operation_strategies: [{ operation: 'b', type: 'probabilistic', param: 0.9 }] }],
    })
    expect(services.get('s')?.operationSampling).toEqual(operations(0.001, op('b', 0.9), op('a', 0.1)))
  })

  it('finds keys whatever their case, as Go does, and names those it does not know', () => {
    const read = readStrategies({ Default_Strategy: { TYPE: 'probabilistic', Param: 0.3 }, service_strategy: [] }, 0.001)
    expect(read.strategies?.fallback).toEqual(probability(0.3))
    expect(read.warnings).toEqual(['the file: unknown key `service_strategy` is ignored'])
  })

  it.each([
    ['"nonsense"', 'the file is a string, not an object'],
    ['[]', 'the file is a list, not an object'],
    ['{"service_strategies":{}}', 'service_strategies is a object, not a list'],
    ['{"service_strategies":[null]}', 'service_strategies[0] is null, not an object'],
    ['{"default_strategy":{"type":"probabilistic","param":"1"}}', 'default_strategy.param is a string, not a number'],
    ['{"default_strategy":{"type":7}}', 'default_strategy.type is a number, not a string'],
  ])('J-M14: refuses %s', (text, fault) => {
    expect(readStrategies(JSON.parse(text), 0.001)).toEqual({ fault })
  })

  const folder = resolve(sharedFolder, 'vectors/jaeger/sampling')
  if (!existsSync(folder)) console.warn(`SKIPPED: ${folder} is absent, the sampling vectors were not tested`)
  const vector = (name: string): unknown => JSON.parse(readFileSync(resolve(folder, name), 'utf8'))

  describe.skipIf(!existsSync(folder))('vectors', () => {
    it.each(['A', 'B'])('answers service %s as Jaeger does now, and not as it once did', (service) => {
      const answer = strategyFor(good(vector('service_no_per_operation.json')), `Service${service}`)
      const want = strategyFromJson(vector(`TestServiceNoPerOperationStrategies_Service${service}.json`))
      const old = strategyFromJson(vector(`TestServiceNoPerOperationStrategiesDeprecatedBehavior_Service${service}.json`))
      expect(answer).toEqual(want)
      if (service === 'B') expect(answer).not.toEqual(old)
    })

    it.each([
      ['strategies.json', 'foo', '{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.8}}'],
      ['strategies.json', 'bar', '{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":5}}'],
      ['strategies.json', 'other', '{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.5}}'],
      ['cmd_example.json', 'bar', '{"strategyType":"RATE_LIMITING","rateLimitingSampling":{"maxTracesPerSecond":0}}'],
      [
        'missing-service-types.json',
        'foo',
        '{"strategyType":"PROBABILISTIC","probabilisticSampling":{"samplingRate":0.001},"operationSampling":{"defaultSamplingProbability":0.001,"defaultLowerBoundTracesPerSecond":0,"perOperationStrategies":[{"operation":"op1","probabilisticSampling":{"samplingRate":0.2}}],"defaultUpperBoundTracesPerSecond":0}}',
      ],
    ])('%s: %s', (file, service, want) => {
      expect(strategyToJson(strategyFor(good(vector(file)), service))).toBe(want)
    })

    it('refuses bad_strategies.json', () => {
      expect(readStrategies(vector('bad_strategies.json'), 0.001).fault).toBeDefined()
    })
  })
})
