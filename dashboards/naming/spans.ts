/** Tags of spans → where they are in OTLP, as TraceQL writes it: section 9 of the reference. What a tag means is asked of the translators of live traffic. */

import { Role as JaegerRole, jaegerRoleOf } from '../../src/translate/jaeger/keys.ts'
import { numericBit, Role as ZipkinRole, zipkinRoleOf } from '../../src/translate/zipkin/keys.ts'
import { attributeExpression } from '../traceql/text.ts'

/** One way in which TraceQL reaches a value; several: any of them may hold it. */
export interface SpanField {
  /** `resource.service.name`, `.http.status_code`, `kind`, `event.error` … Empty: it is not in OTLP. */
  readonly expressions: readonly string[]
  /** What the value is compared as; `any`: number and text both have to be asked for. `keyword`: a word of TraceQL's own, see `words`. */
  readonly type: 'string' | 'number' | 'any' | 'keyword'
  /** Of `keyword`: which words there are. */
  readonly words?: 'kind' | 'status' | 'error' | undefined
  /** False: it depends on the span. */
  readonly certain: boolean
}

export interface SpanNaming {
  /** @param format whose tags these are */
  tag(key: string, format: 'jaeger' | 'zipkin'): SpanField
}

export interface SpanNamingOptions {
  /** `translate.zipkin.tags.types`: whether texts that are numbers become numbers. */
  readonly zipkinTypes: 'string' | 'semconv' | 'infer'
}

const field = (expressions: readonly string[], type: SpanField['type'] = 'string', certain = true): SpanField => ({
  expressions,
  type,
  certain,
})
const word = (expression: string, words: SpanField['words']): SpanField => ({
  expressions: [expression],
  type: 'keyword',
  words,
  certain: true,
})

/** Fields of logs as OpenTracing's clients write them, and of exceptions: Jaeger looks for a tag in logs, too. */
const logFields: ReadonlySet<string> = new Set([
  ...['message', 'stack', 'error.kind', 'error.object', 'level', 'log.level', 'event.name'],
  ...['exception.type', 'exception.message', 'exception.stacktrace', 'exception.escaped'],
])

const attribute = (key: string): string => attributeExpression('', key)

const isNumeric = (key: string): boolean => (zipkinRoleOf(key) & numericBit) !== 0

function jaegerTag(key: string): SpanField {
  // How a span came to the old collector: nothing keeps it.
  if (key === 'internal.span.format') return field([], 'string', false)
  switch (jaegerRoleOf(key)) {
    case JaegerRole.Error:
      return word('status', 'error')
    case JaegerRole.SpanKind:
      return word('kind', 'kind')
    case JaegerRole.StatusCode:
      return word('status', 'status')
    case JaegerRole.StatusDescription:
      return field(['statusMessage'])
    case JaegerRole.ScopeName:
    case JaegerRole.LibraryName:
      return field(['instrumentation:name'])
    case JaegerRole.ScopeVersion:
    case JaegerRole.LibraryVersion:
      return field(['instrumentation:version'])
    case JaegerRole.ServiceName:
      return field(['resource.service.name'])
    case JaegerRole.Event:
      return field(['event:name', attribute(key)])
    case JaegerRole.Hostname:
      return field(['resource.host.name', attribute(key)])
    case JaegerRole.ClientUuid:
      return field(['resource.service.instance.id', attribute(key)])
    case JaegerRole.HttpStatusMessage:
      return field([attribute(key), 'statusMessage'], 'string', false)
    case JaegerRole.TraceState:
    case JaegerRole.DroppedAttributes:
    case JaegerRole.DroppedEvents:
    case JaegerRole.DroppedLinks:
    case JaegerRole.EventDroppedAttributes:
      // Fields of the span, which TraceQL does not reach.
      return field([], 'string', false)
    default:
      if (logFields.has(key)) return field([attribute(key), attributeExpression('event', key)], 'any')
      return field([attribute(key)], isNumeric(key) ? 'number' : 'any')
  }
}

function zipkinTag(key: string, types: SpanNamingOptions['zipkinTypes']): SpanField {
  const typed = types === 'infer' ? 'any' : types === 'semconv' && isNumeric(key) ? 'any' : 'string'
  switch (zipkinRoleOf(key) & 0xff) {
    case ZipkinRole.Error:
      return word('status', 'error')
    case ZipkinRole.SpanKind:
      return word('kind', 'kind')
    case ZipkinRole.StatusCode:
      return word('status', 'status')
    case ZipkinRole.StatusDescription:
    case ZipkinRole.CensusStatusDescription:
    case ZipkinRole.OpencensusStatusDescription:
      return field(['statusMessage', attribute(key)])
    case ZipkinRole.ScopeName:
    case ZipkinRole.LibraryName:
      return field(['instrumentation:name'])
    case ZipkinRole.ScopeVersion:
    case ZipkinRole.LibraryVersion:
      return field(['instrumentation:version'])
    case ZipkinRole.TraceState:
    case ZipkinRole.DroppedAttributes:
    case ZipkinRole.DroppedEvents:
    case ZipkinRole.DroppedLinks:
    case ZipkinRole.Link:
      return field([], 'string', false)
    default:
      return field([attribute(key)], typed)
  }
}

/** As the bridge's translators write spans. */
export function createSpanNaming({ zipkinTypes }: SpanNamingOptions): SpanNaming {
  return { tag: (key, format) => (format === 'jaeger' ? jaegerTag(key) : zipkinTag(key, zipkinTypes)) }
}
