/** Jaeger's flags (agent, collector, ingester, all-in-one of version 1) and the environment variables they may come from. */

import { parseDuration } from '../config/units.ts'
import type { Draft } from './draft.ts'
import { listenerTls } from './tls.ts'

type Program = 'agent' | 'collector' | 'ingester' | 'all-in-one'

/** A setting: name without dashes (`collector.zipkin.host-port`), value, and how the user wrote it. */
export interface Flag {
  readonly name: string
  readonly value: string
  readonly from: string
}

type Carry = (draft: Draft, flag: Flag) => void

const listen =
  (key: string): Carry =>
  (draft, { value, from }) =>
    draft.listen(key, value, from)

const set =
  (key: string, read: (value: string) => unknown = String, message?: string): Carry =>
  (draft, { value, from }) =>
    draft.set(key, read(value), from, message)

const missing =
  (message: string): Carry =>
  (draft, { from }) =>
    draft.missing(from, message)

const needless =
  (message: string): Carry =>
  (draft, { from }) =>
    draft.needless(from, message)

const duration =
  (key: string): Carry =>
  (draft, { value, from }) => {
    if (parseDuration(value) === undefined) draft.missing(from, `not a duration that is read here: set ${key} by hand`)
    else if (parseDuration(value) === 0) draft.needless(from, 'off is not needed here: what did not change is not read anew')
    else draft.set(key, value, from)
  }

const isOn = (value: string): boolean => value !== 'false' && value !== '0'

const tags = missing(
  'tags for every span are not added here: set them in the clients (JAEGER_TAGS) or at the OTLP endpoint (a resource processor)',
)
const ownQueue = needless('the bridge has a queue of its own, on disk: see queue.maxSize')
const udpWorkers = needless('datagrams are read by one loop; see receiveBuffer and backlog of the port')

/** Every flag that is carried, refused by name or known to be needless. */
const carries: Readonly<Record<string, Carry>> = {
  'collector.grpc-server.host-port': listen('ingest.jaeger.grpc'),
  'collector.grpc.host-port': listen('ingest.jaeger.grpc'),
  'collector.grpc-port': listen('ingest.jaeger.grpc'),
  'collector.grpc-server.max-message-size': set('ingest.jaeger.grpc.limits.message', Number),
  'collector.http-server.host-port': listen('ingest.jaeger.http'),
  'collector.http.host-port': listen('ingest.jaeger.http'),
  'collector.http-port': listen('ingest.jaeger.http'),
  'collector.http-server.read-timeout': duration('ingest.jaeger.http.timeouts.request'),
  'collector.http-server.read-header-timeout': duration('ingest.jaeger.http.timeouts.header'),
  'collector.http-server.idle-timeout': duration('ingest.jaeger.http.timeouts.keepAlive'),
  'collector.zipkin.host-port': listen('ingest.zipkin'),
  'collector.zipkin.http-port': listen('ingest.zipkin'),
  'collector.zipkin.allowed-origins': set('ingest.zipkin.cors.origins', (value) => value.split(',').map((one) => one.trim())),
  'collector.zipkin.cors.allowed-origins': set('ingest.zipkin.cors.origins', (value) => value.split(',').map((one) => one.trim())),
  'collector.zipkin.allowed-headers': needless('headers that browsers of Zipkin clients send are allowed'),
  'collector.zipkin.cors.allowed-headers': needless('headers that browsers of Zipkin clients send are allowed'),
  'collector.zipkin.keep-alive': needless('connections are kept open'),
  'collector.otlp.enabled': (draft, { value, from }) => {
    if (isOn(value)) draft.start('ingest.otlp', from)
    else draft.needless(from, 'OTLP is off unless ingest.otlp is named')
  },
  'collector.otlp.grpc.host-port': listen('ingest.otlp.grpc'),
  'collector.otlp.http.host-port': listen('ingest.otlp.http'),
  'collector.otlp.grpc.max-message-size': set('ingest.otlp.grpc.limits.message', Number),
  'collector.queue-size': ownQueue,
  'collector.queue-size-memory': ownQueue,
  'collector.num-workers': needless('see serve --workers'),
  'collector.enable-span-size-metrics': needless('otlp_bridge_received_bytes_total counts bytes'),
  'collector.grpc-server.max-connection-age': needless('a connection lives as long as its client wants it'),
  'collector.grpc-server.max-connection-age-grace': needless('a connection lives as long as its client wants it'),
  'collector.tags': tags,
  'agent.tags': tags,
  'jaeger.tags': tags,
  'sampling.strategies-file': set('sampling.file'),
  'sampling.strategies-reload-interval': duration('sampling.reloadInterval'),
  'sampling.default-sampling-probability': set('sampling.defaultProbability', Number),
  'sampling-config-type': (draft, { value, from }) => samplingType(draft, value, from),
  'sampling.type': (draft, { value, from }) => samplingType(draft, value, from),
  'processor.jaeger-compact.server-host-port': listen('ingest.jaeger.compact'),
  'processor.jaeger-binary.server-host-port': listen('ingest.jaeger.binary'),
  'processor.zipkin-compact.server-host-port': listen('ingest.jaeger.zipkin'),
  'http-server.host-port': listen('ingest.jaeger.sampling'),
  'reporter.grpc.host-port': (draft, { value, from }) => {
    const first = value.split(',')[0] ?? ''
    draft.set(
      'sampling.upstream',
      `grpc://${first}`,
      from,
      'the agent sent its spans there; the bridge sends OTLP to emit.endpoint, and asks this collector for sampling strategies while it still runs',
    )
  },
  'admin.http.host-port': listen('ingest.jaeger.health'),
  'log-level': set('log.level', (value) => ({ dpanic: 'error', panic: 'error', fatal: 'error' })[value] ?? value),
  'multi-tenancy.enabled': missing('tenants are not told apart by header here: see emit.destinations[].where for routing by an attribute'),
  'span-storage.type': missing('the bridge stores nothing: name the OTLP endpoint in emit.endpoint'),
  'kafka.consumer.brokers': set('ingest.kafka.brokers', (value) => value.split(',').map((one) => one.trim())),
  'kafka.consumer.group-id': set('ingest.kafka.groupId'),
  'kafka.consumer.client-id': set('ingest.kafka.clientId'),
  'kafka.consumer.protocol-version': needless('the version is agreed on with the broker'),
  'ingester.parallelism': needless('partitions are read side by side'),
  'ingester.deadlockInterval': needless('a partition without messages is nothing to restart for'),
  'config-file': missing('give that file to import-config instead'),
}

function samplingType(draft: Draft, value: string, from: string): void {
  if (value === 'adaptive') {
    draft.missing(
      from,
      'adaptive sampling needs the spans in its own store: leave that collector running and name it in sampling.upstream, or write a strategies file',
    )
  } else draft.needless(from, 'strategies come from sampling.file')
}

/** Flags whose name begins so, where none above is it. */
const families: readonly (readonly [prefix: string, level: 'missing' | 'needless', message: string])[] = [
  ['es.', 'needless', 'the store stays where it is: new data goes to emit.endpoint, the history is what back-fill is for'],
  ['es-archive.', 'needless', 'the store stays where it is'],
  ['cassandra.', 'needless', 'the store stays where it is'],
  ['cassandra-archive.', 'needless', 'the store stays where it is'],
  ['badger.', 'needless', 'the store stays where it is'],
  ['memory.', 'needless', 'the store stays where it is'],
  ['grpc-storage.', 'needless', 'the store stays where it is'],
  [
    'kafka.producer.',
    'missing',
    'the collector wrote to Kafka: send OTLP to emit.endpoint, or let the bridge keep its queue there (queue.type: kafka)',
  ],
  ['kafka.consumer.authentication', 'missing', 'set ingest.kafka.sasl or ingest.kafka.tls by hand'],
  ['kafka.consumer.kerberos', 'missing', 'Kerberos is not spoken: use SASL or client certificates'],
  ['query.', 'needless', 'the bridge has no user interface: the query service stays while the history is needed'],
  ['prometheus.', 'needless', 'the bridge has no user interface'],
  ['downsampling.', 'missing', 'spans are not thrown away here: sample at the OTLP endpoint'],
  ['dependencies.', 'needless', 'service graphs are made behind the OTLP endpoint'],
  ['metrics-', 'needless', 'metrics are on admin.port, at /metrics'],
  ['sampling.', 'missing', 'part of adaptive sampling, which stays with the old collector: see sampling.upstream'],
  ['reporter.', 'needless', 'the bridge sends OTLP: see emit'],
  ['discovery.', 'needless', 'the bridge sends OTLP: see emit.endpoints'],
  ['admin.', 'needless', 'the admin port of Jaeger is ingest.jaeger.health, without TLS unless it is named there'],
  ['log-', 'needless', 'see log'],
]

/** `.server-max-packet-size` and its like, below each processor of the agent. */
const processorCarries: Readonly<Record<string, (port: string) => Carry>> = {
  'server-socket-buffer-size': (port) => (draft, flag) => {
    if (Number(flag.value) > 0) set(`ingest.jaeger.${port}.receiveBuffer`, Number)(draft, flag)
    else draft.needless(flag.from, 'the default of the bridge is 4 MiB')
  },
  'server-max-packet-size': () => needless('datagrams of any size are taken'),
  'server-queue-size': () => udpWorkers,
  workers: () => udpWorkers,
}

const processors: Readonly<Record<string, string>> = { 'jaeger-compact': 'compact', 'jaeger-binary': 'binary', 'zipkin-compact': 'zipkin' }

/** Endpoints that have TLS flags: prefix → section. */
const tlsPrefixes: Readonly<Record<string, string>> = {
  'collector.grpc': 'ingest.jaeger.grpc',
  'collector.http': 'ingest.jaeger.http',
  'collector.zipkin': 'ingest.zipkin',
  'collector.otlp.grpc': 'ingest.otlp.grpc',
  'collector.otlp.http': 'ingest.otlp.http',
}

/** Encodings of Jaeger's Kafka topics → those of ours. */
const encodings: Readonly<Record<string, string>> = {
  protobuf: 'jaeger-proto',
  json: 'jaeger-json',
  'zipkin-thrift': 'zipkin-thrift',
  'otlp-proto': 'otlp-proto',
  'otlp-json': 'otlp-json',
}

/** Which program the flags belong to, by its name or by the flags themselves. */
export function programOf(name: string | undefined, flags: readonly Flag[]): Program | undefined {
  const named = /(agent|collector|ingester|all-in-one)(?:-(?:linux|darwin)[^/]*)?$/.exec(name ?? '')?.[1]
  if (named !== undefined) return named as Program
  const has = (prefix: string): boolean => flags.some((one) => one.name.startsWith(prefix))
  if (has('collector.')) return has('processor.') ? 'all-in-one' : 'collector'
  if (has('processor.') || has('reporter.')) return 'agent'
  return has('kafka.consumer.') || has('ingester.') ? 'ingester' : undefined
}

/** What a program listens on without being told. */
const defaults: Readonly<Record<Program, readonly string[]>> = {
  agent: ['ingest.jaeger.compact', 'ingest.jaeger.binary', 'ingest.jaeger.zipkin', 'ingest.jaeger.sampling'],
  collector: ['ingest.jaeger.grpc', 'ingest.jaeger.http', 'ingest.otlp'],
  'all-in-one': [
    'ingest.jaeger.grpc',
    'ingest.jaeger.http',
    'ingest.jaeger.compact',
    'ingest.jaeger.binary',
    'ingest.jaeger.zipkin',
    'ingest.jaeger.sampling',
    'ingest.otlp',
  ],
  ingester: ['ingest.kafka'],
}

/** Carries flags over. Unknown ones are said as missing. @param strict false for an environment, in which much else may stand */
export function carryJaegerFlags(draft: Draft, program: string | undefined, flags: readonly Flag[]): void {
  const kind = programOf(program, flags)
  const byName = new Map(flags.map((one) => [one.name, one]))
  const given = (name: string): string | undefined => byName.get(name)?.value
  const otlpOff = ['false', '0'].includes(given('collector.otlp.enabled') ?? '')
  if (kind !== undefined) {
    for (const key of defaults[kind]) {
      if (key === 'ingest.otlp' && otlpOff) continue
      draft.start(key, `jaeger-${kind} (default)`)
      // Jaeger's programs listen on every interface unless told otherwise.
      if (key === 'ingest.otlp') for (const one of ['grpc', 'http']) draft.imply(`${key}.${one}.host`, '0.0.0.0')
      else if (key !== 'ingest.kafka') draft.imply(`${key}.host`, '0.0.0.0')
    }
  }
  for (const flag of flags) carryOne(draft, flag)
  for (const [prefix, key] of Object.entries(tlsPrefixes)) {
    if (!isOn(given(`${prefix}.tls.enabled`) ?? 'false')) continue
    const [cert, own, clientCa, minVersion] = ['cert', 'key', 'client-ca', 'min-version'].map((one) => given(`${prefix}.tls.${one}`))
    listenerTls(draft, key, { cert, key: own, clientCa, minVersion }, `--${prefix}.tls`)
  }
  carryKafkaTopic(draft, kind, given('kafka.consumer.topic'), given('kafka.consumer.encoding'))
  if (!draft.has('emit.endpoint')) draft.missing('OTLP endpoint', 'Jaeger flags do not name one: set emit.endpoint')
}

function carryKafkaTopic(draft: Draft, kind: Program | undefined, topic: string | undefined, encoding: string | undefined): void {
  if (kind !== 'ingester' && topic === undefined) return
  const name = topic ?? 'jaeger-spans'
  const known = encodings[encoding ?? 'protobuf']
  const from = `--kafka.consumer.topic=${name}`
  if (known === undefined) draft.missing(from, `its encoding ${encoding} is not known here: set ingest.kafka.topics by hand`)
  else draft.set('ingest.kafka.topics', [{ name, encoding: known }], from)
}

function carryOne(draft: Draft, flag: Flag): void {
  const { name, from } = flag
  if (name === 'kafka.consumer.topic' || name === 'kafka.consumer.encoding') return
  if (Object.keys(tlsPrefixes).some((prefix) => name.startsWith(`${prefix}.tls.`))) return
  const carry = carries[name]
  if (carry !== undefined) {
    carry(draft, flag)
    return
  }
  const [, processor, rest] = /^processor\.([a-z-]+)\.(.+)$/.exec(name) ?? []
  const port = processor === undefined ? undefined : processors[processor]
  const below = rest === undefined ? undefined : processorCarries[rest]
  if (port !== undefined && below !== undefined) {
    below(port)(draft, flag)
    return
  }
  const family = families.find(([prefix]) => name.startsWith(prefix))
  if (family === undefined) {
    draft.missing(from, 'this flag is not known here')
    return
  }
  const [, level, message] = family
  draft[level](from, message)
}

/** Names of flags that an environment variable may stand for. */
const namedFlags: readonly string[] = [
  ...Object.keys(carries),
  'kafka.consumer.topic',
  'kafka.consumer.encoding',
  ...Object.keys(tlsPrefixes).flatMap((prefix) =>
    ['enabled', 'cert', 'key', 'client-ca', 'min-version'].map((one) => `${prefix}.tls.${one}`),
  ),
  ...Object.keys(processors).flatMap((one) => Object.keys(processorCarries).map((rest) => `processor.${one}.${rest}`)),
]

const envName = (flag: string): string => flag.toUpperCase().replace(/[.-]/g, '_')

const byEnvName = new Map(namedFlags.map((flag) => [envName(flag), flag]))

const envFamilies = families.map(([prefix]) => [envName(prefix), prefix] as const)

/** A variable of a Jaeger program's environment as the flag it stands for; undefined when it stands for none. */
export function flagOfEnv(name: string, value: string): Flag | undefined {
  const from = `${name}=${value}`
  const known = byEnvName.get(name)
  if (known !== undefined) return { name: known, value, from }
  // METRICS_ and LOG_ may be anybody's.
  const family = envFamilies.find(([prefix]) => name.startsWith(prefix) && !/^(METRICS|LOG|ADMIN|MEMORY|QUERY|PROMETHEUS)_/.test(prefix))
  return family === undefined ? undefined : { name: `${family[1]}${name.slice(family[0].length).toLowerCase()}`, value, from }
}

/** Reads a command line: the program's name, if it stands there, and its flags. What is neither is said. */
export function readFlags(
  argv: readonly string[],
  draft: Draft,
): { readonly program: string | undefined; readonly flags: readonly Flag[] } {
  const flags: Flag[] = []
  let program: string | undefined
  for (let at = 0; at < argv.length; at++) {
    const word = argv[at] ?? ''
    const found = /^--?([A-Za-z][\w.-]*)(?:=([\s\S]*))?$/.exec(word)
    if (found === null) {
      if (program === undefined && flags.length === 0) program = word
      else if (word !== '') draft.missing(word, 'this is not a flag')
      continue
    }
    const name = found[1] ?? ''
    const next = argv[at + 1]
    if (found[2] !== undefined) flags.push({ name, value: found[2], from: word })
    else if (next !== undefined && !next.startsWith('-')) {
      flags.push({ name, value: next, from: `${word} ${next}` })
      at++
    } else flags.push({ name, value: 'true', from: word })
  }
  return { program, flags }
}
