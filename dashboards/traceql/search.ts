/** Searches of Jaeger and Zipkin → TraceQL: sections 9.1 and 9.2 of the reference. */

import type { QueryResult } from '../model.ts'
import type { SpanNaming } from '../naming/spans.ts'
import { addKey, addTag, type Conditions, createConditions, hasVariable, spanset, textCondition, worsen } from './conditions.ts'
import { readTags } from './logfmt.ts'
import { durationLiteral, readDuration } from './text.ts'

export interface JaegerSearch {
  readonly service?: string | undefined
  readonly operation?: string | undefined
  /** logfmt or JSON. */
  readonly tags?: string | undefined
  readonly minDuration?: string | undefined
  readonly maxDuration?: string | undefined
}

export interface ZipkinSearch {
  readonly serviceName?: string | undefined
  readonly spanName?: string | undefined
  readonly remoteServiceName?: string | undefined
  /** `error and http.method=GET` */
  readonly annotationQuery?: string | undefined
  /** µs. */
  readonly minDuration?: string | undefined
  /** µs. */
  readonly maxDuration?: string | undefined
}

/** A search that became TraceQL: {@link QueryResult.after} is the query. */
export type SearchResult = QueryResult

const given = (text: string | undefined): text is string =>
  text !== undefined && text.trim() !== '' && text !== 'all' && text !== '-- All --'

function addDuration(
  conditions: Conditions,
  sign: '>=' | '<=',
  text: string | undefined,
  read: (text: string) => bigint | undefined,
): void {
  if (text === undefined || text.trim() === '') return
  if (hasVariable(text)) {
    conditions.all.push(`duration ${sign} ${text.trim()}`)
    return
  }
  const nanos = read(text)
  if (nanos === undefined) worsen(conditions, 'manual', 'OBD-T-005', `${text} is no duration.`)
  else if (nanos > 0n || sign === '<=') conditions.all.push(`duration ${sign} ${durationLiteral(nanos)}`)
}

const resultOf = (conditions: Conditions): SearchResult => ({
  status: conditions.status,
  after: spanset(conditions),
  edits: [],
  notes: conditions.notes,
  uses: { metrics: [], labels: [], fields: [...new Set(conditions.fields)].sort() },
})

/** Jaeger asks all of it of the same span. */
export function jaegerToTraceql(search: JaegerSearch, naming: SpanNaming): SearchResult {
  const conditions = createConditions()
  if (given(search.service)) conditions.all.push(textCondition('resource.service.name', search.service))
  if (given(search.operation)) conditions.all.push(textCondition('name', search.operation))
  if (search.tags !== undefined && search.tags.trim() !== '') {
    const { tags, fault } = readTags(search.tags)
    if (fault !== undefined) worsen(conditions, 'manual', 'OBD-T-006', `Not all tags can be read: ${fault}.`)
    for (const [key, value] of tags) addTag(conditions, naming, 'jaeger', key, value)
  }
  addDuration(conditions, '>=', search.minDuration, readDuration)
  addDuration(conditions, '<=', search.maxDuration, readDuration)
  return resultOf(conditions)
}

const readMicros = (text: string): bigint | undefined => (/^\d{1,18}$/.test(text.trim()) ? BigInt(text.trim()) * 1000n : undefined)

/** Zipkin writes names of services and spans in lower case, so that here letters' case does not count. */
export function zipkinToTraceql(search: ZipkinSearch, naming: SpanNaming): SearchResult {
  const conditions = createConditions()
  if (given(search.serviceName)) conditions.all.push(textCondition('resource.service.name', search.serviceName, true))
  if (given(search.spanName)) conditions.all.push(textCondition('name', search.spanName, true))
  if (given(search.remoteServiceName)) conditions.all.push(textCondition('span.peer.service', search.remoteServiceName, true))
  for (const one of search.annotationQuery?.split(/\s+and\s+/) ?? []) {
    const equals = one.indexOf('=')
    if (one.trim() === '') continue
    if (equals < 0) addKey(conditions, naming, one.trim())
    else addTag(conditions, naming, 'zipkin', one.slice(0, equals).trim(), one.slice(equals + 1).trim())
  }
  // Zipkin finds a trace by the span that took as long, as TraceQL does.
  addDuration(conditions, '>=', search.minDuration, readMicros)
  addDuration(conditions, '<=', search.maxDuration, readMicros)
  return resultOf(conditions)
}

/** A trace id with all its digits; what is none, or holds a variable, as it is. */
export function wholeTraceId(id: string): string {
  const text = id.trim()
  return /^[0-9a-fA-F]{1,32}$/.test(text) ? text.toLowerCase().padStart(32, '0') : text
}
