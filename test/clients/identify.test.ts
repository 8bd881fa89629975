import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { adviceFor } from '../../src/clients/advice.ts'
import { type Identity, identify, identifyProcess, shownAgent } from '../../src/clients/identify.ts'

const fixtures = fileURLToPath(new URL('../../fixtures', import.meta.url))

interface Attribute {
  readonly key: string
  readonly value: { readonly stringValue?: string }
}

/** A recorded request as the list of clients gets to know it: by its headers, and by the resource that was made of it. */
function recorded(name: string): Identity {
  const folder = join(fixtures, name)
  const request = JSON.parse(readFileSync(join(folder, 'request.json'), 'utf8'))
  const { 'user-agent': userAgent, ...hints } = (request.headers ?? {}) as Record<string, string>
  const out = existsSync(join(folder, 'out.json')) ? JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) : {}
  const attributes: readonly Attribute[] = out.resourceSpans?.[0]?.resource?.attributes ?? []
  const tag = (key: string) => attributes.find((one) => one.key === key)?.value.stringValue
  const process = identifyProcess({
    jaegerVersion: tag('jaeger.version'),
    sdkName: tag('telemetry.sdk.name'),
    sdkLanguage: tag('telemetry.sdk.language'),
    sdkVersion: tag('telemetry.sdk.version'),
  })
  return process ?? identify({ format: request.format, endpoint: request.endpoint, userAgent, hints })
}

const sure = (library: string, version: string | undefined, language: string | undefined): Identity => ({
  library,
  version,
  language,
  probably: false,
})
const guess = (library: string, language: string): Identity => ({ library, version: undefined, language, probably: true })

const expected: Readonly<Record<string, Identity>> = {
  'elasticsearch/cmreshandler-1.0': sure('elasticsearch-py', '7.17.13', 'python'),
  'elasticsearch/elasticsearch-java-8.19': sure('elasticsearch-java', '8.19.12', 'java'),
  'elasticsearch/filebeat-7.17': sure('Filebeat', '7.17.29', 'go'),
  'elasticsearch/go-elasticsearch-9.5': sure('go-elasticsearch', '9.5.2', 'go'),
  'elasticsearch/logback-elasticsearch-appender-1.6': guess('logback-elasticsearch-appender', 'java'),
  'elasticsearch/node-elasticsearch-9.4': sure('@elastic/elasticsearch', '9.4.3', 'nodejs'),
  'elasticsearch/olivere-7.0': sure('olivere/elastic', '7.0.32', 'go'),
  'elasticsearch/python-elasticsearch-8.19': sure('elasticsearch-py', '8.19.3', 'python'),
  'elasticsearch/rsyslog-8.2302': guess('rsyslog', 'c'),
  'elasticsearch/syslog-ng-3.38': sure('syslog-ng', '3.38.1', 'c'),
  'elasticsearch/winston-elasticsearch-0.19': sure('@elastic/elasticsearch', '8.19.2', 'nodejs'),
  'jaeger/jaeger-client-go-2.30-http': sure('jaeger-client-go', '2.30.0', 'go'),
  'jaeger/jaeger-client-go-2.30-udp': sure('jaeger-client-go', '2.30.0', 'go'),
  'jaeger/jaeger-client-java-1.8-http': sure('jaeger-client-java', '1.8.1', 'java'),
  'jaeger/jaeger-client-java-1.8-udp': sure('jaeger-client-java', '1.8.1', 'java'),
  'jaeger/jaeger-client-node-3.19-http': sure('jaeger-client-node', '3.19.0', 'nodejs'),
  'jaeger/jaeger-client-node-3.19-udp': sure('jaeger-client-node', '3.19.0', 'nodejs'),
  'jaeger/jaeger-client-python-4.8-udp': sure('jaeger-client-python', '4.8.0', 'python'),
  'jaeger/opentelemetry-python-1.21-grpc': sure('opentelemetry-python', '1.21.0', 'python'),
  'prometheus/prometheus-2.42': sure('Prometheus', '2.42.0+ds', 'go'),
  'prometheus/prometheus-3.15-rw2': sure('Prometheus', undefined, 'go'),
  'zipkin/brave-6': guess('zipkin-reporter (Brave)', 'java'),
  'zipkin/py-zipkin-1.2': guess('py_zipkin', 'python'),
  'zipkin/zipkin-go-0.4': guess('zipkin-go', 'go'),
  'zipkin/zipkin-js-0.22': guess('zipkin-js', 'nodejs'),
}

describe('identify', () => {
  it.each(Object.keys(expected))('knows %s as it was recorded', (name) => {
    expect(recorded(name)).toEqual(expected[name])
  })

  it('leaves no recorded client with headers out', () => {
    const all = ['zipkin', 'elasticsearch', 'prometheus', 'jaeger'].flatMap((format) =>
      readdirSync(join(fixtures, format)).map((one) => `${format}/${one}`),
    )
    const unknown = all.filter((name) => {
      const { headers } = JSON.parse(readFileSync(join(fixtures, name, 'request.json'), 'utf8'))
      return headers?.['user-agent'] !== undefined && recorded(name).library.startsWith('unknown')
    })
    expect(unknown).toEqual([])
  })

  it.each([
    ['zipkin', 'zipkin-json', 'Java/17.0.15', { b3: '0' }, sure('zipkin-reporter (Brave)', undefined, 'java')],
    ['zipkin', 'zipkin-json', 'Go-http-client/1.1', { b3: '0' }, sure('zipkin-go', undefined, 'go')],
    ['zipkin', 'zipkin-json', 'okhttp/4.12.0', {}, guess('zipkin-reporter (Brave)', 'java')],
    ['zipkin', 'zipkin-json', 'node-fetch/1.0 (+https://github.com/bitinn/node-fetch)', {}, guess('zipkin-js', 'nodejs')],
    ['zipkin', 'zipkin-json', 'Mozilla/5.0 (X11; Linux x86_64)', {}, guess('zipkin-js in a browser', 'webjs')],
    ['zipkin', 'zipkin-json', 'envoy', {}, sure('Envoy', undefined, 'cpp')],
    ['jaeger.http', 'jaeger-thrift-binary', undefined, {}, guess('jaeger-client-node', 'nodejs')],
    ['jaeger.http', 'jaeger-thrift-binary', 'okhttp/4.9.3', {}, guess('jaeger-client-java', 'java')],
    ['jaeger.grpc', 'jaeger-proto', 'grpc-go/1.59.0', {}, sure('grpc-go', '1.59.0', 'go')],
    ['jaeger.grpc', 'jaeger-proto', 'grpc-java-netty/1.60.0', {}, sure('grpc-java', '1.60.0', 'java')],
    ['jaeger.compact', 'jaeger-thrift-compact', undefined, {}, sure('unknown', undefined, undefined)],
    ['prometheus', 'prometheus', 'vmagent', {}, sure('vmagent', undefined, 'go')],
    ['prometheus', 'prometheus', 'GrafanaAgent/v0.40.2 (flow)', {}, sure('Grafana Agent', '0.40.2', 'go')],
    ['prometheus', 'prometheus', 'Alloy/v1.5.0 (linux; docker)', {}, sure('Grafana Alloy', '1.5.0', 'go')],
    [
      'prometheus',
      'prometheus',
      'OpenTelemetry-Collector-Contrib/0.110.0 (linux/amd64)',
      {},
      sure('OpenTelemetry Collector', '0.110.0', 'go'),
    ],
    [
      'elasticsearch',
      'es-bulk',
      'logstash/8.11.1 (OS=Linux-6.1-amd64; JVM=17) logstash-output-elasticsearch/11.16.0',
      {},
      sure('Logstash', '8.11.1', 'ruby'),
    ],
    ['beats', 'beats', 'filebeat/7.17.29', {}, sure('Filebeat', '7.17.29', 'go')],
    ['beats', 'beats', 'winlogbeat', {}, sure('Winlogbeat', undefined, 'go')],
    ['beats', 'beats', 'apm-server/8.1.0', {}, sure('APM Server', '8.1.0', 'go')],
    ['beats', 'beats', 'filebeat-fork/1.0', {}, sure('unknown (filebeat-fork/1.0)', undefined, undefined)],
    ['beats', 'beats', undefined, {}, sure('unknown', undefined, undefined)],
    ['elasticsearch', 'es-bulk', 'Manticore 0.9.1', {}, guess('Logstash', 'ruby')],
    ['elasticsearch', 'es-bulk', 'Fluent-Bit', {}, sure('Fluent Bit', undefined, 'c')],
    ['elasticsearch', 'es-bulk', 'Faraday v2.7.4', {}, guess('Fluentd', 'ruby')],
    ['elasticsearch', 'es-bulk', 'Vector/0.41.1 (x86_64)', {}, sure('Vector', '0.41.1', 'rust')],
    [
      'elasticsearch',
      'es-bulk',
      'something',
      { 'x-elastic-client-meta': 'es=8.15.1,rb=3.2,t=8.3' },
      sure('elasticsearch-ruby', '8.15.1', 'ruby'),
    ],
    ['elasticsearch', 'es-bulk', 'curl/8.5.0', {}, sure('curl', '8.5.0', undefined)],
  ])('%s %s %s %o', (endpoint, format, userAgent, hints, identity) => {
    expect(identify({ endpoint, format, userAgent, hints: hints as Record<string, string> })).toEqual(identity)
  })

  it('shows what nobody knows as it is, printable and short', () => {
    const userAgent = `Acme\u0007 \u202e<b>é ${'x'.repeat(5000)}`
    const { library, probably } = identify({ endpoint: 'zipkin', format: 'zipkin-json', userAgent })
    expect(library).toMatch(/^unknown \(Acme\? \?<b>\? x+\)$/)
    expect(library.length).toBeLessThanOrEqual(130)
    expect(probably).toBe(false)
    expect(shownAgent(userAgent)).toHaveLength(120)
  })

  it('is not held up by what a sender makes up', () => {
    const started = performance.now()
    for (const userAgent of ['logstash/'.repeat(30), `grpc-java-${'-'.repeat(5000)}`, `Elastic-filebeat/${'('.repeat(9000)}`]) {
      identify({ endpoint: 'elasticsearch', format: 'es-bulk', userAgent, hints: { 'x-elastic-client-meta': '=,'.repeat(5000) } })
    }
    expect(performance.now() - started).toBeLessThan(200)
  })
})

describe('identifyProcess', () => {
  it('takes what it does not know as it is named', () => {
    const nothing = { sdkName: undefined, sdkLanguage: undefined, sdkVersion: undefined }
    expect(identifyProcess({ ...nothing, jaegerVersion: 'Rust-0.1' })).toEqual(sure('jaeger-client-rust', '0.1', undefined))
    expect(identifyProcess({ ...nothing, jaegerVersion: 'x' })).toEqual(sure('jaeger-client-x', undefined, undefined))
    expect(identifyProcess({ ...nothing, jaegerVersion: undefined })).toBeUndefined()
  })
})

describe('adviceFor', () => {
  it('has something to say to every client that was recorded', () => {
    const silent = Object.values(expected).filter(({ library }) => adviceFor(library) === undefined)
    expect(silent).toEqual([])
  })
})
