/** Configuration files of the OpenTelemetry Collector and of Jaeger v2, which is built on it. */

import { isSection, type Section } from '../config/tree.ts'
import { parseDuration } from '../config/units.ts'
import { carryReceiver } from './collector-receivers.ts'
import { sectionOf, tlsOf, typeOf } from './collector-sections.ts'
import type { Draft } from './draft.ts'
import { clientTls } from './tls.ts'

const texts = (value: unknown): string[] =>
  Array.isArray(value) ? value.map(String) : value === undefined || value === null ? [] : [String(value)]

const otlpGrpc = new Set(['otlp', 'otlp_grpc'])
const otlpHttp = new Set(['otlphttp', 'otlp_http'])

/** Carries a file over. Only what a pipeline uses counts. */
export function carryCollector(draft: Draft, file: Section): void {
  const service = sectionOf(file['service'])
  const pipelines = Object.entries(sectionOf(service['pipelines']))
  const used = (kind: string): string[] => [...new Set(pipelines.flatMap(([, pipeline]) => texts(sectionOf(pipeline)[kind])))]
  const component = (kind: string, name: string): Section => sectionOf(sectionOf(file[kind])[name])

  for (const name of used('receivers')) carryReceiver(draft, name, component('receivers', name))
  for (const name of used('processors')) carryProcessor(draft, name, component('processors', name))
  carryExporters(
    draft,
    used('exporters').map((name) => [name, component('exporters', name), signalsOf(pipelines, name)] as const),
  )
  for (const name of texts(service['extensions'])) carryExtension(draft, name, component('extensions', name))
  for (const kind of ['receivers', 'processors', 'exporters']) {
    const there = new Set(used(kind))
    for (const name of Object.keys(sectionOf(file[kind]))) {
      if (!there.has(name)) draft.needless(`${kind}.${name}`, 'no pipeline uses it')
    }
  }
  for (const name of Object.keys(sectionOf(file['connectors']))) draft.missing(`connectors.${name}`, 'connectors have no counterpart here')
  if (service['telemetry'] !== undefined) draft.needless('service.telemetry', 'see log, and admin.port for metrics')
}

function signalsOf(pipelines: readonly (readonly [string, unknown])[], exporter: string): string[] {
  return pipelines.filter(([, pipeline]) => texts(sectionOf(pipeline)['exporters']).includes(exporter)).map(([name]) => typeOf(name))
}

function carryProcessor(draft: Draft, name: string, section: Section): void {
  const from = `processors.${name}`
  switch (typeOf(name)) {
    case 'batch': {
      const { timeout, send_batch_size: size } = section
      if (timeout !== undefined) draft.set('emit.batch.delay', timeout, `${from}.timeout`)
      if (size !== undefined) draft.set('emit.batch.maxItems', size, `${from}.send_batch_size`)
      if (timeout === undefined && size === undefined) draft.needless(from, 'batches are made anyway: see emit.batch')
      return
    }
    case 'memory_limiter':
      draft.needless(from, 'memory is bounded by limits and the queue')
      return
    case 'adaptive_sampling':
      draft.missing(from, 'adaptive sampling needs the spans in its own store: leave that Jaeger running and name it in sampling.upstream')
      return
    case 'probabilistic_sampler':
    case 'tail_sampling':
    case 'filter':
      draft.missing(from, 'data is not thrown away here: do it at the OTLP endpoint')
      return
    default:
      draft.missing(from, 'data is not changed here beyond the translation: do it at the OTLP endpoint')
      return
  }
}

type Exporter = readonly [name: string, section: Section, signals: readonly string[]]

function carryExporters(draft: Draft, exporters: readonly Exporter[]): void {
  const taken = exporters.filter(([name]) => otlpGrpc.has(typeOf(name)) || otlpHttp.has(typeOf(name)))
  for (const [name] of exporters) {
    if (otlpGrpc.has(typeOf(name)) || otlpHttp.has(typeOf(name))) continue
    const store = ['jaeger_storage_exporter', 'elasticsearch', 'cassandra', 'kafka', 'zipkin'].includes(typeOf(name))
    if (['debug', 'logging', 'nop'].includes(typeOf(name))) draft.needless(`exporters.${name}`, 'for looking only: see the live page')
    else
      draft.missing(`exporters.${name}`, store ? 'the bridge sends OTLP: name its endpoint in emit.endpoint' : 'the bridge sends OTLP only')
  }
  const [first] = taken
  if (first === undefined) draft.missing('OTLP endpoint', 'no OTLP exporter is used: set emit.endpoint')
  else if (taken.length === 1) carryExporter(draft, 'emit', first)
  else {
    const destinations = taken.map(([name]) => ({ name: name.replace('/', '-') }))
    draft.imply('emit.destinations', destinations)
    taken.forEach((one, at) => {
      const signals = new Set(one[2])
      carryExporter(draft, `emit.destinations.${at}`, one)
      const everyOne = taken.every(([, , others]) => others.length === signals.size && others.every((signal) => signals.has(signal)))
      if (!everyOne) draft.imply(`emit.destinations.${at}.signals`, [...signals])
    })
  }
}

function carryExporter(draft: Draft, key: string, [name, section]: Exporter): void {
  const from = `exporters.${name}`
  const grpc = otlpGrpc.has(typeOf(name))
  const tls = sectionOf(section['tls'])
  const endpoint = section['endpoint']
  if (typeof endpoint !== 'string') draft.missing(`${from}.endpoint`, `it has none: set ${key}.endpoint`)
  else if (!grpc || /^https?:\/\//i.test(endpoint)) draft.set(`${key}.endpoint`, endpoint, `${from}.endpoint`)
  else draft.set(`${key}.endpoint`, `${tls['insecure'] === true ? 'http' : 'https'}://${endpoint}`, `${from}.endpoint`)
  draft.imply(`${key}.protocol`, grpc ? 'grpc' : section['encoding'] === 'json' ? 'http/json' : 'http/protobuf')
  carryCompression(draft, key, from, section['compression'])
  if (isSection(section['headers'])) draft.set(`${key}.headers`, section['headers'], `${from}.headers`)
  if (section['timeout'] !== undefined) draft.set(`${key}.timeout`, section['timeout'], `${from}.timeout`)
  clientTls(draft, key, tlsOf(tls), `${from}.tls`)
  if (tls['insecure_skip_verify'] === true) {
    draft.missing(`${from}.tls.insecure_skip_verify`, `certificates are always verified: name the authority in ${key}.tls.ca`)
  }
  for (const one of ['traces_endpoint']) {
    if (typeof section[one] === 'string') draft.set(`${key}.tracesEndpoint`, section[one], `${from}.${one}`)
  }
  if (section['auth'] !== undefined) draft.missing(`${from}.auth`, `put what it sends into ${key}.headers`)
  carryQueue(draft, from, sectionOf(section['sending_queue']))
  carryRetry(draft, key, from, section['retry_on_failure'])
}

function carryCompression(draft: Draft, key: string, from: string, compression: unknown): void {
  // The Collector compresses unless told otherwise; the bridge does not.
  const wanted = compression === undefined ? 'gzip' : String(compression)
  if (['gzip', 'zstd', 'none'].includes(wanted)) {
    if (compression === undefined) draft.imply(`${key}.compression`, wanted)
    else draft.set(`${key}.compression`, wanted, `${from}.compression`)
  } else draft.set(`${key}.compression`, 'gzip', `${from}.compression`, `${wanted} is not spoken here, gzip is`)
}

function carryQueue(draft: Draft, from: string, queue: Section): void {
  if (queue['storage'] !== undefined) draft.needless(`${from}.sending_queue.storage`, 'the queue of the bridge is on disk: see queue.path')
  if (queue['num_consumers'] !== undefined) draft.set('emit.concurrency', queue['num_consumers'], `${from}.sending_queue.num_consumers`)
  if (queue['queue_size'] !== undefined) draft.needless(`${from}.sending_queue.queue_size`, 'counted in bytes here: see queue.maxSize')
}

function carryRetry(draft: Draft, key: string, from: string, retry: unknown): void {
  const section = sectionOf(retry)
  if (section['enabled'] === false) draft.missing(`${from}.retry_on_failure`, 'what failed for a passing reason is always tried again')
  const names = { initial_interval: 'initialInterval', max_interval: 'maxInterval', max_elapsed_time: 'maxElapsed' }
  for (const [theirs, ours] of Object.entries(names)) {
    const value = section[theirs]
    if (value === undefined) continue
    // 0 is the Collector's word for "without end", which is what an absent key means here.
    if (ours === 'maxElapsed' && parseDuration(String(value)) === 0)
      draft.needless(`${from}.retry_on_failure.${theirs}`, 'tried without end')
    else draft.set(`${key}.retry.${ours}`, value, `${from}.retry_on_failure.${theirs}`)
  }
}

function carryExtension(draft: Draft, name: string, section: Section): void {
  const from = `extensions.${name}`
  switch (typeOf(name)) {
    case 'remote_sampling':
    case 'jaegerremotesampling':
    case 'jaeger_remote_sampling':
      carrySampling(draft, from, section)
      return
    case 'health_check':
    case 'healthcheck':
    case 'healthcheckv2':
      draft.needless(from, 'see /health/live and /health/ready on admin.port')
      return
    case 'file_storage':
      draft.needless(from, 'the queue is on disk: see queue.path')
      return
    case 'pprof':
    case 'zpages':
    case 'memory_ballast':
    case 'jaeger_storage':
    case 'jaeger_query':
    case 'expvar':
    case 'jaeger_mcp':
      draft.needless(from, 'has no counterpart here and needs none')
      return
    default:
      if (/auth/.test(typeOf(name))) {
        draft.needless(from, 'see what is said of the endpoint that uses it')
        return
      }
      draft.missing(from, 'this extension is not known here')
      return
  }
}

function carrySampling(draft: Draft, from: string, section: Section): void {
  const source = isSection(section['source']) ? section['source'] : section
  const file = isSection(source['file']) ? source['file']['path'] : source['file']
  if (typeof file === 'string') draft.set('sampling.file', file, `${from}.file`)
  const reload = source['reload_interval'] ?? sectionOf(source['file'])['reload_interval']
  if (reload !== undefined) draft.set('sampling.reloadInterval', reload, `${from}.reload_interval`)
  const chance = sectionOf(source['file'])['default_sampling_probability']
  if (chance !== undefined) draft.set('sampling.defaultProbability', chance, `${from}.file.default_sampling_probability`)
  const remote = sectionOf(source['remote'])['endpoint']
  if (typeof remote === 'string') draft.set('sampling.upstream', `grpc://${remote}`, `${from}.source.remote.endpoint`)
  if (source['adaptive'] !== undefined) {
    draft.missing(
      `${from}.adaptive`,
      'adaptive sampling needs the spans in its own store: leave that Jaeger running and name it in sampling.upstream',
    )
  }
  const http = sectionOf(section['http'])['endpoint']
  if (typeof http === 'string') draft.listen('ingest.jaeger.sampling', http, `${from}.http.endpoint`)
  else if ('http' in section) draft.start('ingest.jaeger.sampling', `${from}.http`)
  const grpc = sectionOf(section['grpc'])['endpoint']
  if (typeof grpc === 'string') draft.listen('ingest.jaeger.samplingGrpc', grpc, `${from}.grpc.endpoint`)
  else if ('grpc' in section) draft.start('ingest.jaeger.samplingGrpc', `${from}.grpc`)
}
