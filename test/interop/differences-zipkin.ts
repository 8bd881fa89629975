/** In what a Zipkin span through the bridge differs from the same span given to Jaeger v2 directly, by the rules of the mapping. */

import { appears, becomes, type Difference, type Expected, type Origin, vanishes } from './differences.ts'
import { convertedDifferences, refusedDifferences } from './differences-zipkin-v1.ts'

const all: readonly Origin[] = ['zipkin-v2', 'zipkin-v1', 'zipkin-proto', 'zipkin-thrift']
const v2: readonly Origin[] = ['zipkin-v2', 'zipkin-proto']

const isV6 = (value: string | undefined): boolean => value !== undefined && /^string:.*:.*:/.test(value)
const plain = (value: string | undefined): string => (value ?? '').replace(/^\w+:/, '')

/** One half of an endpoint: the attribute that the receiver writes becomes the one that the mapping names. */
const renamed = (one: Difference, from: string, to: string): boolean => {
  const value = one.directSpan.get(`attributes[${from}]`)
  return (
    value !== undefined &&
    ((vanishes(one, `attributes[${from}]`, value) && one.bridgedSpan.get(`attributes[${to}]`) === value) ||
      appears(one, `attributes[${to}]`, value))
  )
}

/** Both addresses were there: the receiver keeps the sixth version, the mapping makes the fourth the address and keeps both. */
const doubled = (one: Difference, from: string, to: string, side: 'local' | 'remote'): boolean => {
  const v6 = one.directSpan.get(`attributes[${from}]`)
  const kept = `attributes[zipkin.${side}Endpoint.ipv6]`
  if (!isV6(v6) || one.bridgedSpan.get(kept) !== v6 || isV6(one.bridgedSpan.get(`attributes[${to}]`))) return false
  return vanishes(one, `attributes[${from}]`, v6) || appears(one, kept, v6) || appears(one, `attributes[${to}]`)
}

const eventName = /^events\[\d+\]\.name$/

/** The time of receipt where a span has none: within this long of now (ns). */
const recent = 120n * 1_000_000_000n
const isNow = (nanos: string | undefined): boolean => {
  const off = BigInt(Date.now()) * 1_000_000n - BigInt(nanos ?? 0)
  return off < recent && off > -recent
}

export const zipkinDifferences: readonly Expected[] = [
  ...refusedDifferences,
  {
    rule: 'Z-H8',
    why: 'a span of version 1 posted to the path of version 2 is read by its own marks; the receiver loses what it holds',
    origins: ['zipkin-v2'],
    explains: (_one, what) => what === 'real_core_zipkin_v2_notimestamp.json',
  },
  ...convertedDifferences,
  {
    rule: 'Z-K2',
    why: 'a span without a kind is INTERNAL; the receiver leaves it unspecified',
    origins: all,
    explains: (one) => appears(one, 'kind', '1'),
  },
  {
    rule: 'Z-K3, Z-K4, Z-K5',
    why: 'a kind is understood in any case and out of its tag; an unknown word stays a tag, while the receiver loses it',
    origins: ['zipkin-v2'],
    explains: (one, what) =>
      (/^a kind in lower case$|^no kind but a tag span\.kind$/.test(what) && appears(one, 'kind')) ||
      (/unknown/.test(what) && appears(one, 'attributes[span.kind]')),
  },
  {
    rule: 'Z-K6',
    why: 'a tag that says what the kind says goes',
    origins: ['zipkin-v2'],
    explains: (one) => vanishes(one, 'attributes[span.kind]', 'string:server') && one.bridgedSpan.get('kind') === '2',
  },
  {
    rule: 'Z-E2',
    why: 'no service name is unknown_service',
    origins: all,
    explains: (one) =>
      becomes(one, 'resource[service.name]', 'string:missing-service-name', 'string:unknown_service') ||
      becomes(one, 'resource[service.name]', 'string:unknown-service', 'string:unknown_service'),
  },
  {
    rule: 'Z-E3',
    why: 'the local address is network.local.address',
    origins: v2,
    explains: (one) => renamed(one, 'net.host.ip', 'network.local.address'),
  },
  {
    rule: 'Z-E4',
    why: 'the local port is network.local.port',
    origins: v2,
    explains: (one) => renamed(one, 'net.host.port', 'network.local.port'),
  },
  {
    rule: 'Z-E5',
    why: 'a tag peer.service wins over the name of the remote endpoint',
    origins: v2,
    explains: (one) => ['string:Be', 'string:Db'].some((name) => becomes(one, 'attributes[peer.service]', name, 'string:explicit')),
  },
  {
    rule: 'Z-E6',
    why: 'the remote address is network.peer.address',
    origins: v2,
    explains: (one) => renamed(one, 'net.peer.ip', 'network.peer.address'),
  },
  {
    rule: 'Z-E7',
    why: 'the remote port is network.peer.port',
    origins: v2,
    explains: (one) => renamed(one, 'net.peer.port', 'network.peer.port'),
  },
  {
    rule: 'Z-E8',
    why: 'of two addresses none is lost',
    origins: v2,
    explains: (one) =>
      doubled(one, 'net.host.ip', 'network.local.address', 'local') || doubled(one, 'net.peer.ip', 'network.peer.address', 'remote'),
  },
  {
    rule: 'Z-E11',
    why: 'a compatible address is one of version 4',
    origins: ['zipkin-v2'],
    explains: (one) =>
      vanishes(one, 'attributes[net.peer.ip]', 'string:::a00:9') || appears(one, 'attributes[network.peer.address]', 'string:10.0.0.9'),
  },
  {
    rule: 'Z-E13',
    why: 'a tag of the name that an address would have wins; the receiver has another name for it',
    origins: ['zipkin-v2'],
    explains: (one) =>
      vanishes(one, 'attributes[net.peer.ip]') && one.bridgedSpan.get('attributes[network.peer.address]') === 'string:mine',
  },
  {
    rule: 'Z-F1',
    why: 'debug is kept, as an attribute and the sampled flag',
    origins: all,
    explains: (one) =>
      one.bridgedSpan.get('attributes[zipkin.debug]') === 'bool:true' &&
      (appears(one, 'attributes[zipkin.debug]', 'bool:true') || appears(one, 'flags', '1')),
  },
  {
    rule: 'Z-F2',
    why: 'shared is kept, as an attribute',
    origins: all,
    explains: (one) => appears(one, 'attributes[zipkin.shared]', 'bool:true') && one.bridgedSpan.get('kind') !== '3',
  },
  {
    rule: 'Z-S1, Z-S2',
    why: 'otel.status_code is understood in each spelling, the one of the specification too; one that cannot be read stays',
    origins: v2,
    explains: (one, what) =>
      (/^real_contrib_sample3\.json$|^status 2$/.test(what) && appears(one, 'status.code', '2')) ||
      (what === 'status OK' && appears(one, 'status.code', '1')) ||
      (what === 'status STATUS_CODE_OK beside error' && becomes(one, 'status.code', '2', '1')) ||
      appears(one, 'attributes[otel.status_code]', 'string:PERHAPS'),
  },
  {
    rule: 'Z-S3',
    why: 'the status of OpenCensus is a status in version 2 too',
    origins: ['zipkin-v2'],
    explains: (one) => {
      const code = one.directSpan.get('attributes[census.status_code]')
      if (code === undefined) return false
      return (
        vanishes(one, /^attributes\[census\.status_(code|description)\]$/) ||
        appears(one, 'status.code', code === 'string:0' ? '1' : '2') ||
        appears(one, 'status.message', plain(one.directSpan.get('attributes[census.status_description]')))
      )
    },
  },
  {
    rule: 'Z-S4',
    why: 'the text of an error is the message of the status, and stays; one without text is in the status alone',
    origins: all,
    explains: (one) => {
      const error = one.bridgedSpan.get('attributes[error]')
      if (one.bridgedSpan.get('status.code') !== '2') return false
      if (appears(one, 'status.message')) return one.bridged === plain(error)
      return vanishes(one, 'attributes[error]') && ['', 'true'].includes(plain(one.direct).toLowerCase())
    },
  },
  {
    rule: 'Z-S5',
    why: 'error=false is no error',
    origins: v2,
    explains: (one) => vanishes(one, 'status.code', '2') && one.directSpan.get('attributes[error]') === 'string:false',
  },
  {
    rule: 'Z-A3',
    why: 'a text with bars that is not the packed form is a name as it stands; the receiver cuts it',
    origins: all,
    explains: (one) => eventName.test(one.path) && one.direct === 'a' && one.bridged === 'a|b',
  },
  {
    rule: 'Z-A2',
    why: 'lists and objects in the packed form are kept',
    origins: ['zipkin-v2'],
    explains: (one) => {
      const [, event] = /^(events\[\d+\])\./.exec(one.path) ?? []
      const same = one.directSpan.get(`${event}.name`) === one.bridgedSpan.get(`${event}.name`)
      return same && appears(one, /^events\[\d+\]\.attributes\[/) && /^array:|^string:\{/.test(one.bridged ?? '')
    },
  },
  {
    rule: 'Z-A4, Z-A5, Z-A6',
    why: 'annotations packed as JSON are unpacked in each of the forms that exporters write',
    origins: ['zipkin-v2'],
    explains: (one) => {
      const [, event] = /^(events\[\d+\])\./.exec(one.path) ?? []
      const [before, after] = [one.directSpan.get(`${event}.name`) ?? '', one.bridgedSpan.get(`${event}.name`) ?? '']
      const unpacked = /[{"]/.test(before) && before.includes(`"${after}"`) && before !== after
      return unpacked && (eventName.test(one.path) || appears(one, /\.attributes\[/))
    },
  },
  {
    rule: 'Z-A8',
    why: 'an annotation without text is left out',
    origins: ['zipkin-v2'],
    explains: (one) => vanishes(one, 'events[0].time') && !one.directSpan.has('events[0].name'),
  },
  {
    rule: 'Z-G3',
    why: 'a tag without a value is left out',
    origins: ['zipkin-v2'],
    explains: (one, what) => what === 'syn_nulltag.json' && vanishes(one, 'attributes[n]', 'string:'),
  },
  {
    rule: 'Z-G5, Z-G6',
    why: 'tags of the process go to the resource of their own span; the receiver gives those of one span to all of the service, or to none',
    origins: ['zipkin-v2'],
    explains: ({ path, bridged }, what) =>
      /^syn_(res|noep)\.json$/.test(what) && /^resource\[(host|k8s\.pod|telemetry\.sdk)\.name\]$/.test(path) && bridged !== undefined,
  },
  {
    rule: 'Z-G8',
    why: 'the scope is taken out of its tags, and an old name that says something else stays',
    origins: ['zipkin-v2'],
    explains: (one, what) =>
      what.startsWith('a scope') &&
      (vanishes(one, /^attributes\[otel\.scope\.(name|version)\]$/) ||
        appears(one, 'scope.name', 's') ||
        appears(one, 'scope.version', '1') ||
        becomes(one, 'scope.version', '2', '1') ||
        appears(one, 'attributes[otel.library.version]', 'string:2')),
  },
  {
    rule: 'Z-G10',
    why: 'dropped counts are in their fields',
    origins: ['zipkin-v2'],
    explains: (one, what) =>
      what === 'dropped counts' &&
      (vanishes(one, /^attributes\[otel\.dropped_\w+_count\]$/) ||
        appears(one, 'droppedAttributes', '3') ||
        appears(one, 'droppedEvents', '4')),
  },
  {
    rule: 'Z-G11',
    why: 'links are read past a gap, and one that cannot be read stays a tag',
    origins: ['zipkin-v2'],
    explains: (one) => {
      if (appears(one, 'attributes[otlp.link.1]', 'string:bad')) return true
      const [trace, id] = plain(one.directSpan.get('attributes[otlp.link.2]')).split('|')
      return vanishes(one, 'attributes[otlp.link.2]') || appears(one, 'links[1].traceId', trace) || appears(one, 'links[1].spanId', id)
    },
  },
  {
    rule: 'Z-G12',
    why: 'tags of Jaeger clients that report Zipkin spans tell of the process',
    origins: ['zipkin-v2', 'zipkin-thrift'],
    explains: (one) => {
      const client = one.directSpan.get('attributes[jaegerClient]') ?? one.directSpan.get('attributes[jaeger.version]')
      if (client === undefined) return false
      const [language = '', version = ''] = plain(client).split('-')
      return (
        vanishes(one, /^attributes\[(jaegerClient|jaeger\.(version|hostname))\]$/) ||
        appears(one, 'resource[host.name]', one.directSpan.get('attributes[jaeger.hostname]')) ||
        appears(one, 'resource[jaeger.version]', client) ||
        appears(one, 'resource[telemetry.sdk.name]', 'string:jaeger') ||
        appears(one, 'resource[telemetry.sdk.language]', `string:${language.toLowerCase()}`) ||
        appears(one, 'resource[telemetry.sdk.version]', `string:${version}`)
      )
    },
  },
  {
    rule: 'Z-T4',
    why: 'a span without a time gets that of its annotations or of its receipt; the receiver starts it in 1970',
    origins: ['zipkin-v2', 'zipkin-v1', 'zipkin-thrift'],
    explains: (one) => {
      if (one.bridgedSpan.get('attributes[otel.zipkin.absentField.startTime]') !== 'bool:true') return false
      if (one.path === 'start') return isNow(one.bridged) || one.bridged === one.bridgedSpan.get('events[1].time')
      if (one.path === 'end') return isNow(one.bridged) || one.bridged === one.bridgedSpan.get('events[0].time')
      const early = 'attributes[@jaeger@warnings]'
      return appears(one, 'attributes[otel.zipkin.absentField.startTime]') || (one.path === early && !(one.bridged ?? '').includes('1970'))
    },
  },
  {
    rule: 'Z-T7',
    why: 'a time beyond 64 bits is the last there is; the receiver wraps round',
    origins: ['zipkin-v2'],
    explains: (one, what) =>
      what === 'a timestamp beyond 64 bits of nanoseconds' && ['start', 'end', 'attributes[@jaeger@warnings]'].includes(one.path),
  },
]
