import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { type Broker, kafkaPresent, startBroker } from './kafka-broker.ts'
import { createTopic, type LabBridge, type OtlpSink, startLabBridge, startOtlpSink, write, zipkinList } from './kafka-lab.ts'
import { until } from './wait.ts'

const users = ['bridge', 'secret-of-the-bridge'] as const

/** PEM files as Kafka wants them: one file with key and certificates for the broker, one with authorities. */
function brokerTls(certificates: Certificates): {
  readonly lines: readonly string[]
  readonly ca: string
  readonly client: { cert: string; key: string }
} {
  const authority = certificates.authority('kafka-ca')
  const leaf = authority.issue('broker')
  const key = readFileSync(leaf.key, 'utf8')
  const store = certificates.file('broker-store.pem', `${key}${readFileSync(leaf.cert, 'utf8')}${readFileSync(authority.cert, 'utf8')}`)
  const lines = [
    'ssl.keystore.type=PEM',
    `ssl.keystore.location=${store}`,
    'ssl.truststore.type=PEM',
    `ssl.truststore.location=${authority.cert}`,
    'ssl.endpoint.identification.algorithm=',
  ]
  return { lines, ca: authority.cert, client: authority.issue('client') }
}

const jaas = (mechanism: string, module: string): string =>
  `listener.name.clients.${mechanism}.sasl.jaas.config=org.apache.kafka.common.security.${module} required username="admin" password="admin-secret" user_admin="admin-secret" user_${users[0]}="${users[1]}";`

describe.skipIf(!kafkaPresent() || !hasOpenssl())('TLS and SASL, at real brokers', () => {
  let certificates: Certificates
  let sink: OtlpSink
  let brokers: { readonly tls: Broker; readonly sasl: Broker }
  let files: ReturnType<typeof brokerTls>

  beforeAll(async () => {
    certificates = createCertificates()
    files = brokerTls(certificates)
    sink = await startOtlpSink()
    const tls = await startBroker({ protocol: 'SSL', properties: [...files.lines, 'ssl.client.auth=required'] })
    const sasl = await startBroker({
      protocol: 'SASL_SSL',
      scram: ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap((one) => [
        `${one}=[name=admin,password=admin-secret]`,
        `${one}=[name=${users[0]},password=${users[1]}]`,
      ]),
      properties: [
        ...files.lines,
        'sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
        'sasl.mechanism.inter.broker.protocol=PLAIN',
        jaas('plain', 'plain.PlainLoginModule'),
        jaas('scram-sha-256', 'scram.ScramLoginModule').replace(/ user_.*;$/, ';'),
        jaas('scram-sha-512', 'scram.ScramLoginModule').replace(/ user_.*;$/, ';'),
      ],
    })
    brokers = { tls, sasl }
  })

  afterAll(async () => {
    await brokers?.tls.remove()
    await brokers?.sasl.remove()
    await sink?.close()
    certificates?.remove()
  })

  const bridgeAt = (broker: Broker, topic: string, connection: object, deadLetterTopic?: string): Promise<LabBridge> =>
    startLabBridge({
      ingest: {
        kafka: {
          brokers: [broker.address],
          topics: [{ encoding: 'zipkin', name: topic }],
          groupId: topic,
          ...connection,
          ...(deadLetterTopic === undefined ? {} : { deadLetterTopic }),
        },
      },
      emit: { endpoint: sink.url, batch: { delay: '20ms' } },
      queue: { type: 'memory' },
    })

  const lab = (sasl?: object) => ({
    tls: { ca: readFileSync(files.ca), cert: readFileSync(files.client.cert), key: readFileSync(files.client.key) },
    ...(sasl === undefined ? {} : { sasl: sasl as { mechanism: 'PLAIN'; username: string; password: string } }),
  })

  it('shows its certificate to a broker that asks for one', async () => {
    const topic = 'over-tls'
    await createTopic(brokers.tls.address, topic, 2, lab())
    await write(brokers.tls.address, topic, [zipkinList(1, 3)], 'none', lab())
    const bridge = await bridgeAt(brokers.tls, topic, { tls: { ca: files.ca, ...files.client } })
    try {
      await until('three spans', () => (sink.spans.size === 3 ? true : undefined))
      expect(await bridge.reasons()).toEqual([])
    } finally {
      await bridge.kill()
    }
  }, 60_000)

  it.each([
    ['without a certificate of its own', (ca: string) => ({ tls: { ca } })],
    ['with another authority', () => ({ tls: {} })],
    ['without TLS', () => ({})],
  ])(
    'says what is wrong when it comes %s',
    async (_name, connection) => {
      const bridge = await bridgeAt(brokers.tls, 'over-tls', connection(files.ca))
      try {
        const reasons = await until(
          'a reason',
          async () => {
            const found = await bridge.reasons()
            return found.length > 0 ? found : undefined
          },
          40_000,
        )
        expect(reasons.join(' ')).toMatch(/^ingest\.kafka: not reading since \d+ s: .*(certificate|TLS|closed|reset|SSL|alert)/i)
      } finally {
        await bridge.kill()
      }
    },
    60_000,
  )

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
    'shows who it is by %s, with a password out of a file',
    async (mechanism) => {
      const topic = `by-${mechanism}`
      const before = sink.spans.size
      const admin = lab({ mechanism: 'PLAIN', username: users[0], password: users[1] })
      await createTopic(brokers.sasl.address, topic, 2, admin)
      const first = 1000 * (1 + ['plain', 'scram-sha-256', 'scram-sha-512'].indexOf(mechanism))
      await write(brokers.sasl.address, topic, [zipkinList(first, 4), Buffer.from('poison')], 'none', admin)
      await createTopic(brokers.sasl.address, `${topic}-dead`, 1, admin)
      const passwordFile = join(certificates.folder, 'password')
      writeFileSync(passwordFile, `${users[1]}\n`)
      const bridge = await bridgeAt(
        brokers.sasl,
        topic,
        { tls: { ca: files.ca }, sasl: { mechanism, username: users[0], passwordFile } },
        `${topic}-dead`,
      )
      try {
        await until('four spans', () => (sink.spans.size === before + 4 ? true : undefined))
        await until('the poison counted', async () =>
          (await bridge.metric('otlp_bridge_kafka_poison_messages_total')).size === 1 ? true : undefined,
        )
        expect(await bridge.reasons()).toEqual([])
        expect(bridge.output()).not.toContain(users[1])
      } finally {
        await bridge.kill()
      }
    },
    60_000,
  )

  it('says so when its password is wrong, without telling it', async () => {
    const bridge = await bridgeAt(brokers.sasl, 'by-plain', {
      tls: { ca: files.ca },
      sasl: { mechanism: 'scram-sha-256', username: users[0], password: 'wrong-secret' },
    })
    try {
      const reasons = await until(
        'a reason',
        async () => {
          const found = await bridge.reasons()
          return found.length > 0 ? found : undefined
        },
        40_000,
      )
      expect(reasons.join(' ')).toMatch(/authentication/i)
      expect(`${bridge.output()}${reasons.join()}`).not.toContain('wrong-secret')
    } finally {
      await bridge.kill()
    }
  }, 60_000)
})
