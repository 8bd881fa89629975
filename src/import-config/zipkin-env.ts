/** The environment of a Zipkin server. */

import type { Draft } from './draft.ts'

type Carry = (draft: Draft, value: string, from: string) => void

const stays: Carry = (draft, _value, from) =>
  draft.needless(from, 'the store stays where it is: new data goes to emit.endpoint, the history is what back-fill is for')

const noSource =
  (what: string): Carry =>
  (draft, _value, from) =>
    draft.missing(from, `${what} is not a source of the bridge: let its senders use HTTP or Kafka`)

const list = (value: string): string[] => value.split(',').map((one) => one.trim())

const carries: Readonly<Record<string, Carry>> = {
  QUERY_PORT: (draft, value, from) => {
    draft.set('ingest.zipkin.port', Number(value), from)
    draft.imply('ingest.zipkin.host', '0.0.0.0')
  },
  COLLECTOR_HTTP_ENABLED: (draft, value, from) => {
    if (value === 'false')
      draft.missing(from, 'the HTTP endpoint was off: remove ingest.zipkin from the configuration if nobody sends there')
    else draft.start('ingest.zipkin', from)
  },
  COLLECTOR_GRPC_ENABLED: (draft, value, from) => {
    if (value === 'true') draft.set('ingest.zipkin.grpc.enabled', true, from)
    else draft.needless(from, 'gRPC is off unless it is named')
  },
  COLLECTOR_SAMPLE_RATE: (draft, value, from) => {
    if (Number(value) === 1) draft.needless(from, 'everything is taken')
    else draft.missing(from, `Zipkin threw away all but ${value} of the traces; the bridge takes them all: sample at the OTLP endpoint`)
  },
  COLLECTOR_PORT: (draft, _value, from) => draft.missing(from, 'this is the Scribe port: Scribe is not spoken here'),
  COLLECTOR_SCRIBE_ENABLED: noSource('Scribe'),
  KAFKA_BOOTSTRAP_SERVERS: (draft, value, from) => draft.set('ingest.kafka.brokers', list(value), from),
  KAFKA_GROUP_ID: (draft, value, from) => draft.set('ingest.kafka.groupId', value, from),
  KAFKA_TOPIC: (draft, value, from) =>
    draft.set(
      'ingest.kafka.topics',
      list(value).map((name) => ({ name, encoding: 'zipkin' })),
      from,
    ),
  KAFKA_STREAMS: (draft, _value, from) => draft.needless(from, 'partitions are read side by side'),
  KAFKA_ZOOKEEPER: (draft, _value, from) => draft.missing(from, 'brokers are asked directly: set ingest.kafka.brokers'),
  ZIPKIN_LOG_LEVEL: (draft, value, from) => draft.set('log.level', value.toLowerCase(), from),
  STORAGE_TYPE: stays,
  STRICT_TRACE_ID: (draft, _value, from) => draft.needless(from, 'ids are passed on with all their digits'),
  SEARCH_ENABLED: stays,
  AUTOCOMPLETE_KEYS: stays,
}

const families: readonly (readonly [prefix: string, carry: Carry])[] = [
  ['RABBIT_', noSource('RabbitMQ')],
  ['ACTIVEMQ_', noSource('ActiveMQ')],
  ['PULSAR_', noSource('Pulsar')],
  ['CASSANDRA_', stays],
  ['ES_', stays],
  ['MYSQL_', stays],
  ['MEM_MAX_SPANS', stays],
  [
    'QUERY_',
    (draft, _value, from) => draft.needless(from, 'the bridge answers no queries: the Zipkin server stays while the history is needed'),
  ],
  ['ZIPKIN_UI_', (draft, _value, from) => draft.needless(from, 'the bridge has no user interface')],
  ['SELF_TRACING_', (draft, _value, from) => draft.needless(from, 'the bridge does not trace itself')],
]

/** True when a variable belongs to a Zipkin server and to nothing else. */
export function isZipkinVariable(name: string): boolean {
  return name in carries || families.some(([prefix]) => name.startsWith(prefix))
}

/** Carries an environment over; variables that are not Zipkin's are passed over, and returned. */
export function carryZipkinEnv(draft: Draft, env: ReadonlyMap<string, string>): void {
  for (const [name, value] of env) {
    const carry = carries[name] ?? families.find(([prefix]) => name.startsWith(prefix))?.[1]
    carry?.(draft, value, `${name}=${value}`)
  }
  const off = env.get('COLLECTOR_HTTP_ENABLED') === 'false'
  if (!off && !draft.has('ingest.zipkin')) {
    draft.start('ingest.zipkin', 'Zipkin server (default)')
    draft.imply('ingest.zipkin.host', '0.0.0.0')
  }
  if (env.has('KAFKA_BOOTSTRAP_SERVERS') && !env.has('KAFKA_TOPIC')) {
    draft.imply('ingest.kafka.topics', [{ name: 'zipkin', encoding: 'zipkin' }])
  }
  if (env.has('KAFKA_BOOTSTRAP_SERVERS') && !env.has('KAFKA_GROUP_ID')) draft.imply('ingest.kafka.groupId', 'zipkin')
  draft.missing('OTLP endpoint', "Zipkin's environment does not name one: set emit.endpoint")
}
