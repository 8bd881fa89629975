/** Which library sent a request. One table; a row that is not certain says so. Rows marked K were never seen by us, the others were recorded. */

import type { Client } from '../otlp/intake.ts'

/** A library as far as it can be told. */
export interface Identity {
  /** `unknown` and what the sender called itself, when no row fits. */
  readonly library: string
  readonly version: string | undefined
  readonly language: string | undefined
  /** True for an informed guess. */
  readonly probably: boolean
}

/** What is known of the sender beside its User-Agent. */
export interface Evidence {
  readonly format: string
  readonly endpoint: string
  readonly userAgent: string | undefined
  readonly hints?: Client['hints']
}

interface Row {
  /** Formats and endpoints that begin with one of these; absent: all. */
  readonly of?: readonly string[]
  /** Over the User-Agent, empty when there is none. The group `v` is the version. */
  readonly agent: RegExp
  /** A header that has to be there, with this value when one is given. */
  readonly hint?: readonly [name: string, value?: string]
  readonly library: string
  readonly language?: string
  readonly probably?: true
}

const zipkin = ['zipkin']
const jaeger = ['jaeger']
const elastic = ['es-bulk', 'elasticsearch']

/** The first row that fits holds. */
const rows: readonly Row[] = [
  // Elasticsearch and Lumberjack: Beats (without `Elastic-` out of `@metadata`), Logstash, clients, shippers.
  { agent: /^(?:Elastic-)?filebeat(?:\/(?<v>\S+)|$)/i, library: 'Filebeat', language: 'go' },
  { agent: /^(?:Elastic-)?metricbeat(?:\/(?<v>\S+)|$)/i, library: 'Metricbeat', language: 'go' },
  { agent: /^(?:Elastic-)?heartbeat(?:\/(?<v>\S+)|$)/i, library: 'Heartbeat', language: 'go' },
  { agent: /^(?:Elastic-)?auditbeat(?:\/(?<v>\S+)|$)/i, library: 'Auditbeat', language: 'go' },
  { agent: /^(?:Elastic-)?packetbeat(?:\/(?<v>\S+)|$)/i, library: 'Packetbeat', language: 'go' },
  { agent: /^(?:Elastic-)?winlogbeat(?:\/(?<v>\S+)|$)/i, library: 'Winlogbeat', language: 'go' },
  { agent: /^(?:Elastic-)?apm-server(?:\/(?<v>\S+)|$)/i, library: 'APM Server', language: 'go' },
  { agent: /^(?:Elastic-)?(?:beat|libbeat)\/(?<v>\S+)/i, library: 'Beat', language: 'go' },
  { agent: /^logstash\/(?<v>\S+).*logstash-output-elasticsearch/i, library: 'Logstash', language: 'ruby' },
  // Its HTTP library is named instead by some versions. (K, logstash#16449)
  { of: elastic, agent: /^Manticore (?<v>[\d.]+)/, library: 'Logstash', language: 'ruby', probably: true },
  { agent: /^elasticsearch-py\/(?<v>\S+)/, library: 'elasticsearch-py', language: 'python' },
  { agent: /^elasticsearch-js\/(?<v>\S+)/, library: '@elastic/elasticsearch', language: 'nodejs' },
  { agent: /^elastic-java\/(?<v>\S+)/, library: 'elasticsearch-java', language: 'java' },
  { agent: /^elasticsearch-java\/(?<v>\S+)/, library: 'elasticsearch-java', language: 'java' },
  { agent: /^go-elasticsearch\/(?<v>\S+)/, library: 'go-elasticsearch', language: 'go' },
  { agent: /^elastic\/(?<v>[\d.]+) \(/, library: 'olivere/elastic', language: 'go' },
  { agent: /^elasticsearch-ruby\/(?<v>[\d.]+)/, library: 'elasticsearch-ruby', language: 'ruby' },
  { agent: /^elasticsearch-php\/(?<v>\S+)/, library: 'elasticsearch-php', language: 'php' },
  { agent: /^elasticsearch-net\/(?<v>\S+)/, library: 'elasticsearch-net', language: 'dotnet' },
  { agent: /^opensearch-(?:py|js|java|go|ruby)\/(?<v>\S+)/, library: 'OpenSearch client' },
  { agent: /^syslog-ng (?<v>[\d.]+)/, library: 'syslog-ng', language: 'c' },
  { agent: /^syslog-ng\b/, library: 'syslog-ng', language: 'c' },
  { agent: /^Fluent-Bit(?:\/v?(?<v>\S+))?/i, library: 'Fluent Bit', language: 'c' },
  { of: elastic, agent: /^Faraday v?(?<v>[\d.]+)|^excon\//i, library: 'Fluentd', language: 'ruby', probably: true },
  { agent: /^Vector\/v?(?<v>\S+)/, library: 'Vector', language: 'rust' },
  { of: elastic, agent: /^Java\//, library: 'logback-elasticsearch-appender', language: 'java', probably: true },
  { of: elastic, agent: /^$/, library: 'rsyslog', language: 'c', probably: true },

  // Prometheus and who writes like it.
  { agent: /^Prometheus\/(?<v>\S*)/, library: 'Prometheus', language: 'go' },
  { agent: /^vmagent(?:[/-]v?(?<v>\S+))?/i, library: 'vmagent', language: 'go' },
  { agent: /^Grafana ?Agent\/v?(?<v>\S+)/i, library: 'Grafana Agent', language: 'go' },
  { agent: /^(?:Grafana)?Alloy\/v?(?<v>\S+)/i, library: 'Grafana Alloy', language: 'go' },
  { agent: /^OpenTelemetry[ -]Collector[^/]*\/v?(?<v>\S+)/i, library: 'OpenTelemetry Collector', language: 'go' },
  { agent: /^otelcol[^/]*\/v?(?<v>\S+)/i, library: 'OpenTelemetry Collector', language: 'go' },
  { agent: /^Telegraf\/v?(?<v>\S+)/i, library: 'Telegraf', language: 'go' },

  // Zipkin: no body names its library.
  { of: zipkin, agent: /^Java\//, hint: ['b3', '0'], library: 'zipkin-reporter (Brave)', language: 'java' },
  { of: zipkin, agent: /^(?:Java|okhttp|Apache-HttpClient)\//, library: 'zipkin-reporter (Brave)', language: 'java', probably: true },
  { of: zipkin, agent: /^Go-http-client\//, hint: ['b3', '0'], library: 'zipkin-go', language: 'go' },
  { of: zipkin, agent: /^Go-http-client\//, library: 'zipkin-go', language: 'go', probably: true },
  { of: zipkin, agent: /^node$|^node-fetch\//, library: 'zipkin-js', language: 'nodejs', probably: true },
  { of: zipkin, agent: /^Mozilla\//, library: 'zipkin-js in a browser', language: 'webjs', probably: true },
  { of: zipkin, agent: /^Python-urllib\/|^python-requests\//i, library: 'py_zipkin', language: 'python', probably: true },
  { of: zipkin, agent: /^envoy\b/i, library: 'Envoy', language: 'cpp' },

  // Jaeger, where no process tag says more.
  { of: jaeger, agent: /^okhttp\//, library: 'jaeger-client-java', language: 'java', probably: true },
  { of: jaeger, agent: /^Go-http-client\//, library: 'jaeger-client-go', language: 'go', probably: true },
  { of: ['jaeger.http'], agent: /^$/, library: 'jaeger-client-node', language: 'nodejs', probably: true },

  // What the transport says of itself.
  { agent: /^grpc-go\/(?<v>\S+)/, library: 'grpc-go', language: 'go' },
  { agent: /^grpc-java-\S+?\/(?<v>\S+)/, library: 'grpc-java', language: 'java' },
  { agent: /^grpc-python(?:-asyncio)?\/(?<v>\S+)/, library: 'grpc-python', language: 'python' },
  { agent: /^grpc-node(?:-js)?\/(?<v>\S+)/, library: 'grpc-node', language: 'nodejs' },
  { agent: /^curl\/(?<v>\S+)/, library: 'curl' },
]

/** Languages in `x-elastic-client-meta`, and whose client it is then. @see elastic client meta header: `es=8.19.2,js=20.20.2,t=8.11.0` */
const metaLanguages: Readonly<Record<string, readonly [library: string, language: string]>> = {
  js: ['@elastic/elasticsearch', 'nodejs'],
  py: ['elasticsearch-py', 'python'],
  jv: ['elasticsearch-java', 'java'],
  go: ['go-elasticsearch', 'go'],
  rb: ['elasticsearch-ruby', 'ruby'],
  php: ['elasticsearch-php', 'php'],
  net: ['elasticsearch-net', 'dotnet'],
}

const longestMeta = 200

function fromMeta(meta: string): Identity | undefined {
  const pairs = new Map<string, string>()
  for (const pair of meta.slice(0, longestMeta).split(',')) {
    const [name = '', value = ''] = pair.split('=')
    pairs.set(name.trim(), value.trim())
  }
  const version = pairs.get('es')
  const language = Object.keys(metaLanguages).find((name) => pairs.has(name))
  const known = language === undefined ? undefined : metaLanguages[language]
  if (version === undefined || known === undefined) return undefined
  return { library: known[0], version: shownVersion(version), language: known[1], probably: false }
}

/** Longest User-Agent that is looked at and shown. */
const longestAgent = 120

const shownVersion = (version: string | undefined): string | undefined => {
  const clean = version?.replace(/[^\x21-\x7e]|[,;()]+$/g, '').slice(0, 40)
  return clean === '' ? undefined : clean
}

/** A User-Agent as it may be shown: printable ASCII, 120 characters. */
export function shownAgent(userAgent: string): string {
  return userAgent.slice(0, longestAgent).replace(/[^\x20-\x7e]/g, '?')
}

const holds = ({ of, agent, hint }: Row, { format, endpoint, hints }: Evidence, userAgent: string): RegExpExecArray | undefined => {
  if (of !== undefined && !of.some((one) => format.startsWith(one) || endpoint.startsWith(one))) return undefined
  if (hint !== undefined) {
    const value = hints?.[hint[0]]
    if (value === undefined || (hint[1] !== undefined && value !== hint[1])) return undefined
  }
  return agent.exec(userAgent) ?? undefined
}

/** Tells the library by headers. Never a guess as a fact: see {@link Identity.probably}. */
export function identify(evidence: Evidence): Identity {
  const meta = evidence.hints?.['x-elastic-client-meta']
  const byMeta = meta === undefined ? undefined : fromMeta(meta)
  if (byMeta !== undefined) return byMeta
  const userAgent = shownAgent(evidence.userAgent ?? '')
  // UDP, Lumberjack and topics have no headers: that none is there says nothing.
  const silent = userAgent === '' && !/^(jaeger\.http|zipkin|prometheus|elasticsearch)$/.test(evidence.endpoint)
  for (const row of silent ? [] : rows) {
    const match = holds(row, evidence, userAgent)
    if (match === undefined) continue
    return {
      library: row.library,
      // The version of the HTTP library is not that of what uses it.
      version: row.probably || row.hint !== undefined ? undefined : shownVersion(match.groups?.['v']),
      language: row.language,
      probably: row.probably === true,
    }
  }
  return { library: userAgent === '' ? 'unknown' : `unknown (${userAgent})`, version: undefined, language: undefined, probably: false }
}

/** Languages of Jaeger's own clients, by what stands before the first `-` of `jaeger.version`. */
const jaegerLanguages: Readonly<Record<string, readonly [name: string, language: string]>> = {
  go: ['go', 'go'],
  java: ['java', 'java'],
  node: ['node', 'nodejs'],
  python: ['python', 'python'],
  csharp: ['csharp', 'dotnet'],
  'c++': ['cpp', 'cpp'],
  cpp: ['cpp', 'cpp'],
  php: ['php', 'php'],
  ruby: ['ruby', 'ruby'],
}

/** What a process says of itself, as our translators name it in the resource. */
export interface ProcessTags {
  /** `jaeger.version`: `Go-2.30.0` */
  readonly jaegerVersion: string | undefined
  /** `telemetry.sdk.name`, `.language`, `.version` */
  readonly sdkName: string | undefined
  readonly sdkLanguage: string | undefined
  readonly sdkVersion: string | undefined
}

/** Tells the library by what a process says of itself; undefined when it says nothing. */
export function identifyProcess({ jaegerVersion, sdkName, sdkLanguage, sdkVersion }: ProcessTags): Identity | undefined {
  if (jaegerVersion !== undefined) {
    const dash = jaegerVersion.indexOf('-')
    const prefix = shownAgent(dash < 0 ? jaegerVersion : jaegerVersion.slice(0, dash)).toLowerCase()
    const known = jaegerLanguages[prefix]
    return {
      library: `jaeger-client-${known?.[0] ?? prefix}`,
      version: dash < 0 ? undefined : shownVersion(jaegerVersion.slice(dash + 1)),
      language: known?.[1],
      probably: false,
    }
  }
  if (sdkName === undefined) return undefined
  const language = sdkLanguage === undefined ? '' : `-${shownAgent(sdkLanguage)}`
  return {
    library: `${shownAgent(sdkName)}${language}`,
    version: shownVersion(sdkVersion),
    language: sdkLanguage && shownAgent(sdkLanguage),
    probably: false,
  }
}
