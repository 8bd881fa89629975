/** In what a Jaeger span through the bridge differs from the same span given to Jaeger v2 directly, by the rules of the mapping. */

import { appears, becomes, type Difference, type Expected, vanishes } from './differences.ts'

const both = ['jaeger-thrift', 'jaeger-proto'] as const
const thrift = ['jaeger-thrift'] as const

const languages: Readonly<Record<string, string>> = { Go: 'go', Java: 'java', Node: 'nodejs', Python: 'python', PHP: 'php' }

/** `Go-2.30.0` out of what the receiver makes of it; a text without a language is the version. */
const clientOf = ({
  directSpan,
  bridgedSpan,
}: Difference): { readonly language: string; readonly version: string; readonly value: string } => {
  const text = directSpan.get('resource[opencensus.exporterversion]')?.replace(/^string:Jaeger-/, '')
  if (text === undefined) return { value: '', language: '', version: '' }
  // A number is lost by the receiver.
  const value = text === '' ? (bridgedSpan.get('resource[jaeger.version]') ?? '') : `string:${text}`
  const [, prefix = '', version = value.replace(/^\w+:/, '')] = /^(\w+)-(.*)$/.exec(text) ?? []
  return { value, version, language: languages[prefix] ?? '' }
}

const warnings = 'attributes[@jaeger@warnings]'

/** Entries of an array attribute as texts. */
const entries = (value: string | undefined): string[] => (value === undefined ? [] : value.slice('array:['.length, -1).split(', string:'))

const wrapped = 1n << 63n
const big = (value: string | undefined): bigint => BigInt(value ?? 0)

export const jaegerDifferences: readonly Expected[] = [
  {
    rule: 'J-K2',
    why: 'a span without a kind is INTERNAL; the receiver leaves it unspecified',
    origins: both,
    explains: (one) =>
      appears(one, 'kind', '1') && !one.directSpan.has('attributes[span.kind]') && !one.bridgedSpan.has('attributes[span.kind]'),
  },
  {
    rule: 'J-K1',
    why: 'a kind is understood in any case, and an unknown word stays; the receiver takes the tag away whatever it says',
    origins: both,
    explains: (one) => {
      const word = one.bridgedSpan.get('attributes[span.kind]')
      if (word === undefined) return appears(one, 'kind') && ['2', '3', '4', '5'].includes(one.bridged ?? '')
      return appears(one, 'kind', '1') || appears(one, 'attributes[span.kind]', word)
    },
  },
  {
    rule: 'J-F1',
    why: 'the sampled bit of the flags is kept',
    origins: both,
    explains: (one) => appears(one, 'flags', '1'),
  },
  {
    rule: 'J-F2',
    why: 'the debug bit is kept, as an attribute',
    origins: both,
    explains: (one) => appears(one, 'attributes[jaeger.debug]', 'bool:true') && one.bridgedSpan.get('flags') === '1',
  },
  {
    rule: 'J-F3',
    why: 'the firehose bit is kept, as an attribute',
    origins: both,
    explains: (one) => appears(one, 'attributes[jaeger.firehose]', 'bool:true'),
  },
  {
    rule: 'J-I5',
    why: 'a span is never its own parent',
    origins: both,
    explains: (one) => vanishes(one, 'parentSpanId', one.directSpan.get('spanId')),
  },
  {
    rule: 'J-I6',
    why: 'one reference alone is the parent; the receiver leaves out every other with its span id, in other traces too',
    origins: both,
    explains: (one) => {
      const [, link] = /^(links\[\d+\])\./.exec(one.path) ?? []
      const of = (name: string): string | undefined => one.bridgedSpan.get(`${link}.${name}`)
      const same = of('spanId') === one.bridgedSpan.get('parentSpanId') && of('attributes[opentracing.ref_type]') === 'string:child_of'
      return link !== undefined && same && appears(one, /./)
    },
  },
  {
    rule: 'J-I8',
    why: 'a reference without ids, or to the span itself, is no link',
    origins: both,
    explains: (one) => {
      const [, link] = /^(links\[\d+\])\./.exec(one.path) ?? []
      const id = one.directSpan.get(`${link}.spanId`)
      return link !== undefined && (id === undefined || id === one.directSpan.get('spanId')) && vanishes(one, /./)
    },
  },
  {
    rule: 'J-T3',
    why: 'a start before 1970 becomes 1970 and the duration stays; the receiver wraps round to the year 2554',
    origins: thrift,
    explains: ({ path, direct, bridged, directSpan }) => {
      const start = big(directSpan.get('start'))
      if (start < wrapped) return false
      return path === 'start' ? bridged === undefined : path === 'end' && big(bridged) === BigInt.asUintN(64, big(direct) - start)
    },
  },
  {
    rule: 'J-T6',
    why: 'a time beyond 64 bits is the last there is; the receiver wraps round, or refuses the request',
    origins: both,
    explains: (one, what) =>
      /beyond 64 bits of nanoseconds/.test(what) &&
      ((one.path === 'span' && one.direct === undefined) || ['start', 'end', warnings].includes(one.path)),
  },
  {
    rule: 'J-T3, J-T4',
    why: 'a negative start or duration is told in the warnings; what else is there comes from Jaeger itself, which speaks of the end that it saw',
    origins: both,
    explains: ({ path, direct, bridged }) =>
      path === warnings &&
      entries(bridged).length === entries(direct).length + 1 &&
      /negative (start time|duration) -\d+ ns replaced by 0/.test(entries(bridged)[0] ?? ''),
  },
  {
    rule: 'J-W1',
    why: 'warnings that come with a span are kept',
    origins: ['jaeger-proto'],
    explains: (one, what) => what.startsWith('syn_warnings') && appears(one, warnings, 'array:[string:w1, string:w2]'),
  },
  {
    rule: 'J-G5',
    why: 'the scope is taken out of its tags, under its old name too and in thrift too',
    origins: both,
    explains: (one) => {
      for (const [field, names] of [
        ['scope.name', ['otel.scope.name', 'otel.library.name']],
        ['scope.version', ['otel.scope.version', 'otel.library.version']],
      ] as const) {
        for (const name of names) {
          const tag = one.directSpan.get(`attributes[${name}]`)
          if (tag === undefined) continue
          if (appears(one, field, tag.replace('string:', '')) || vanishes(one, `attributes[${name}]`, tag)) return true
        }
      }
      return false
    },
  },
  {
    rule: 'J-G6',
    why: 'the trace state is taken out of its tag in thrift too',
    origins: thrift,
    explains: (one) => {
      const tag = one.directSpan.get('attributes[w3c.tracestate]')
      return (
        tag !== undefined && (appears(one, 'traceState', tag.replace('string:', '')) || vanishes(one, 'attributes[w3c.tracestate]', tag))
      )
    },
  },
  {
    rule: 'J-S1',
    why: 'error=true is an error when it is text as well; its tag goes into the status',
    origins: both,
    explains: (one) =>
      one.directSpan.get('attributes[error]')?.toLowerCase() === 'string:true' &&
      (appears(one, 'status.code', '2') || vanishes(one, 'attributes[error]')),
  },
  {
    rule: 'J-S2',
    why: 'another text in error is an error, too, and its message',
    origins: both,
    explains: (one) => {
      const error = one.directSpan.get('attributes[error]')
      return error === 'string:timeout' && (appears(one, 'status.code', '2') || appears(one, 'status.message', 'timeout'))
    },
  },
  {
    rule: 'J-S3',
    why: 'otel.status_code is read in each spelling, one that cannot be read stays, and UNSET has no message',
    origins: both,
    explains: (one, what) =>
      (what.startsWith('status 2 as a number') && appears(one, 'status.code', '2')) ||
      (what.startsWith('status 1 as text') && appears(one, 'status.code', '1')) ||
      appears(one, 'attributes[otel.status_code]', 'string:PERHAPS') ||
      (what.startsWith('status UNSET') &&
        (vanishes(one, 'status.message', 'odd') || appears(one, 'attributes[otel.status_description]', 'string:odd'))),
  },
  {
    rule: 'J-S4',
    why: 'error=false is believed; the receiver asks the HTTP status all the same',
    origins: both,
    explains: (one) => one.directSpan.get('attributes[error]') === 'bool:false' && vanishes(one, 'status.code', '2'),
  },
  {
    rule: 'J-S5',
    why: 'an HTTP status below 400 is no error, and it is read under its new name too',
    origins: both,
    explains: (one) => {
      const old = Number(one.directSpan.get('attributes[http.status_code]')?.replace('int:', ''))
      const now = Number(one.directSpan.get('attributes[http.response.status_code]')?.replace('int:', ''))
      return (old < 400 && vanishes(one, 'status.code', '2')) || (now >= 500 && appears(one, 'status.code', '2'))
    },
  },
  {
    rule: 'J-G7',
    why: 'dropped counts are in their fields',
    origins: both,
    explains: (one) => {
      for (const [field, word] of [
        ['droppedAttributes', 'attributes'],
        ['droppedEvents', 'events'],
        ['droppedLinks', 'links'],
      ] as const) {
        const tag = `attributes[otel.dropped_${word}_count]`
        const count = one.directSpan.get(tag)
        if (count?.startsWith('int:') && (vanishes(one, tag) || appears(one, field, count.replace('int:', '')))) return true
      }
      return false
    },
  },
  {
    rule: 'J-G8',
    why: 'a tag of an unknown type has the value that it has, or is left out',
    origins: thrift,
    explains: ({ path, direct, bridged }) =>
      path === 'attributes[k]' &&
      /^string:<Unknown Jaeger TagType/.test(direct ?? '') &&
      (bridged === undefined || bridged === 'string:text'),
  },
  {
    rule: 'J-L2',
    why: 'an `event` that is no string is the name as text; the receiver loses it',
    origins: both,
    // The last is what a binary value is as text everywhere: base64.
    explains: (one) => ['true', '0.5', '7', '5', 'cmF3'].includes(one.bridged ?? '') && appears(one, /^events\[\d+\]\.name$/),
  },
  {
    rule: 'J-L3',
    why: 'an empty `event` says nothing and stays',
    origins: both,
    explains: (one) => appears(one, 'events[0].attributes[event]', 'string:') && one.bridgedSpan.get('events[0].name') === 'log',
  },
  {
    rule: 'J-L3, J-L4',
    why: 'a log without `event` is named log; OTLP asks for a name',
    origins: both,
    explains: (one) => appears(one, /^events\[\d+\]\.name$/, 'log'),
  },
  {
    rule: 'J-L5',
    why: 'the count of dropped attributes of an event is in its field',
    origins: both,
    explains: (one) => {
      const [, event] = /^(events\[\d+\])\./.exec(one.path) ?? []
      return ['otel.event.dropped_attributes_count', 'otel.dropped_attributes_count'].some((key) => {
        const name = `${event}.attributes[${key}]`
        const count = one.directSpan.get(name)
        return count !== undefined && (vanishes(one, name) || appears(one, `${event}.droppedAttributes`, count.replace('int:', '')))
      })
    },
  },
  {
    rule: 'J-P1',
    why: 'the service name wins over a tag service.name',
    origins: both,
    explains: (one) =>
      becomes(one, 'resource[service.name]', 'string:over', 'string:svc') ||
      becomes(one, 'resource[service.name]', 'string:tagged', 'string:corner'),
  },
  {
    rule: 'J-P3',
    why: "the Collector's mark for no service name is read as such, and the other tags stay",
    origins: both,
    explains: (one, what) =>
      what.startsWith("the Collector's mark") &&
      (becomes(one, 'resource[service.name]', 'string:OTLPResourceNoServiceName', 'string:unknown_service') ||
        appears(one, 'resource[a]', 'string:b')),
  },
  {
    rule: 'J-P2',
    why: 'a process without a service is unknown_service',
    origins: both,
    explains: (one) => becomes(one, 'resource[service.name]', 'string:missing-service-name', 'string:unknown_service'),
  },
  {
    rule: 'J-P6',
    why: 'jaeger.version stays and names the SDK; the receiver turns it into an OpenCensus attribute',
    origins: both,
    explains: (one) => {
      const { value, language, version } = clientOf(one)
      return (
        value !== '' &&
        (vanishes(one, 'resource[opencensus.exporterversion]') ||
          appears(one, 'resource[jaeger.version]', value) ||
          appears(one, 'resource[telemetry.sdk.name]', 'string:jaeger') ||
          appears(one, 'resource[telemetry.sdk.language]', `string:${language}`) ||
          appears(one, 'resource[telemetry.sdk.version]', `string:${version}`))
      )
    },
  },
  {
    rule: 'J-P7',
    why: 'the id of the client is the id of the instance',
    origins: both,
    explains: (one) => {
      const uuid = one.directSpan.get('resource[client-uuid]')
      return uuid !== undefined && (vanishes(one, 'resource[client-uuid]') || appears(one, 'resource[service.instance.id]', uuid))
    },
  },
]
