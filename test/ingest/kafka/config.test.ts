import { describe, expect, it } from 'vitest'
import { kafkaConfig, kafkaTopics } from '../../../src/ingest/kafka/config.ts'

const faultsOf = (input: unknown): string[] => {
  const { error } = kafkaConfig.safeParse(input)
  return (error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('kafkaTopics', () => {
  it("stands in for Jaeger's ingester when nothing is said", () => {
    expect([...kafkaTopics(kafkaConfig.parse({}))]).toEqual([
      ['jaeger-ingester', [{ name: 'jaeger-spans', group: 'jaeger-ingester', encoding: 'jaeger-proto', signal: 'traces' }]],
    ])
  })

  it('gives every topic the name and group of the consumer that it stands in for', () => {
    const config = kafkaConfig.parse({
      topics: [
        { encoding: 'zipkin' },
        { encoding: 'jaeger-json' },
        { encoding: 'otlp-proto', signal: 'logs' },
        { encoding: 'otlp-json', groupId: 'mine' },
      ],
    })
    expect([...kafkaTopics(config)].map(([group, topics]) => [group, topics.map(({ name }) => name)])).toEqual([
      ['zipkin', ['zipkin']],
      ['jaeger-ingester', ['jaeger-spans']],
      ['otel-collector', ['otlp_logs']],
      ['mine', ['otlp_spans']],
    ])
  })

  it('reads all topics in one group where one is named', () => {
    const config = kafkaConfig.parse({ groupId: 'bridge', topics: [{ encoding: 'zipkin' }, { encoding: 'jaeger-proto', name: 'spans' }] })
    expect([...kafkaTopics(config).keys()]).toEqual(['bridge'])
  })
})

describe('kafkaConfig', () => {
  it.each([
    ['a topic twice', { topics: [{ encoding: 'zipkin' }, { encoding: 'zipkin-json' }] }, 'topics.1.name: zipkin is there twice'],
    [
      'metrics of a format that has none',
      { topics: [{ encoding: 'zipkin', signal: 'metrics' }] },
      'topics.0.signal: zipkin holds traces only',
    ],
    ['a broker that is none', { brokers: ['http://here:9092/'] }, 'brokers.0: expected host:port'],
    ['a certificate without its key', { tls: { cert: 'a.pem' } }, 'tls.key: missing: cert is given without it'],
    ['no password', { sasl: { mechanism: 'plain', username: 'a' } }, 'sasl.password: exactly one of password and passwordFile is needed'],
    [
      'a topic with a slash',
      { deadLetterTopic: 'a/b' },
      'deadLetterTopic: expected the name of a topic: letters, digits, `.`, `_` and `-`',
    ],
  ])('refuses %s', (_name, input, fault) => {
    expect(faultsOf(input)).toEqual([fault])
  })

  it('takes brokers by name, by address and by IPv6 address', () => {
    expect(faultsOf({ brokers: ['kafka-1.example:9092', '10.0.0.1:9092', '[::1]:9092', 'kafka'] })).toEqual([])
  })
})
