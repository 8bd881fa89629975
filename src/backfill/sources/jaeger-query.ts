/**
 * `jaeger-query`: a Jaeger of which nothing but the query service is open (mapping/backfill.md 2.4).
 *
 *     GET /api/services                                                    {"data": [name]}
 *     GET /api/traces?service=S&start=µs&end=µs&limit=L&raw=true[&minDuration&maxDuration]
 *     GET /api/v3/traces?query.service_name=S&query.start_time_min=…&query.num_traces=L&query.raw_traces=true
 *
 * An answer holds the newest traces that have a span of the service in the window. A span is kept if its own service is the one asked for and its own
 * start is in the window: then each is taken once over all services and windows, whatever traces it came in. Full answers are never accepted.
 */

import { z } from 'zod'
import type { BodyTranslator } from '../../ingest/adapter.ts'
import { createMessageTranslator } from '../../ingest/index.ts'
import { faultWord, type PatientClient, sourceFault } from '../../read/patient-client.ts'
import { createIdentitySum } from '../identity.ts'
import type { Json, SliceSpec, TranslatedPage } from '../model.ts'
import type { SliceReader, Source, SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { hourlyPlan, hoursOf } from './api-slices.ts'
import { createWindowReader, type WindowAnswer } from './api-windows.ts'
import { createSourceClient, httpSourceKeys, publicUrl } from './http-options.ts'
import {
  type JaegerApiSpan,
  otlpPayload,
  type ParsedAnswer,
  parseUiAnswer,
  parseV3Answer,
  uiPayload,
  type Wanted,
} from './jaeger-query-answer.ts'
import { countByReading, createPageBuilder, droppedIndexes } from './payload-page.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  limit: z
    .number()
    .int()
    .min(1)
    .max(20_000)
    .default(1500)
    .describe('Traces in an answer. A full answer is thrown away and its window asked again in halves.'),
  api: z
    .enum(['auto', 'v1', 'v3'])
    .default('auto')
    .describe(
      'Which API is asked. v3 gives spans as they were stored, v1 what the UI shows (times of children may be moved). auto: v3 where it is served.',
    ),
})

type Options = z.output<typeof options>

/** Traces that an answer should have. */
const aim = 300
/** The limit of a window of one millisecond. */
const highestLimit = 20_000
/** What Jaeger cuts traces to without a word (`max_doc_count`). */
const cutTrace = 10_000
/** An answer with an error in it is asked again so often. */
const tries = 5
/** µs; longer ones do not fit into the nanoseconds of the query service. */
const longestDuration = 9_000_000_000_000_000

/** What an answer may be narrowed by. */
interface Narrow {
  readonly limit: number
  /** µs, both ends included; undefined: no end. */
  readonly minDuration?: number
  readonly maxDuration?: number
}

const rfc3339 = (ms: number): string => new Date(ms).toISOString()

const duration = (micros: number | undefined): string | undefined => (micros === undefined ? undefined : `${micros}us`)

async function askOnce(http: PatientClient, isV3: boolean, wanted: Wanted, narrow: Narrow, abort: AbortSignal) {
  const { service, fromMs, toMs } = wanted
  const { limit } = narrow
  const [minDuration, maxDuration] = [duration(narrow.minDuration), duration(narrow.maxDuration)]
  const request = isV3
    ? ({
        path: '/api/v3/traces',
        query: [
          ['query.service_name', service],
          ['query.start_time_min', rfc3339(fromMs)],
          ['query.start_time_max', rfc3339(toMs)],
          ['query.duration_min', minDuration],
          ['query.duration_max', maxDuration],
          ['query.num_traces', limit],
          ['query.raw_traces', 'true'],
        ],
        accept: [404],
      } as const)
    : ({
        path: '/api/traces',
        query: [
          ['service', service],
          ['start', fromMs * 1000],
          ['end', toMs * 1000],
          ['minDuration', minDuration],
          ['maxDuration', maxDuration],
          ['limit', limit],
          ['raw', 'true'],
        ],
        accept: [404],
      } as const)
  const { status, body } = await http.send(request, abort)
  // What the third version says when there is nothing.
  if (status === 404 && isV3) return { parsed: nothing, bytes: 0 }
  const parsed = (isV3 ? parseV3Answer : parseUiAnswer)(body, wanted, `${http.name}${request.path}`)
  return { parsed, bytes: body.length }
}

const nothing: ParsedAnswer = { spans: [], others: 0, traces: new Map(), fault: '' }

/** The answer without a fault in it. Rejects with OB_SOURCE when it keeps having one. */
async function askWell(http: PatientClient, isV3: boolean, wanted: Wanted, narrow: Narrow, deps: SourceDeps, abort: AbortSignal) {
  for (let attempt = 1; ; attempt++) {
    const answer = await askOnce(http, isV3, wanted, narrow, abort)
    const { fault } = answer.parsed
    if (fault === '') return answer
    if (attempt >= tries) {
      const where = `${wanted.service} ${rfc3339(wanted.fromMs)}`
      throw sourceFault('partial_results', `cannot read ${where}: the answer says ${fault}`, where)
    }
    deps.distress('source_error', 0)
    await deps.sleep(500 * 2 ** attempt)
  }
}

/** Answers of several narrower questions, each trace once. */
class Joined {
  readonly spans: JaegerApiSpan[] = []
  readonly seen = new Set<string>()
  others = 0
  bytes = 0
  largest = 0

  add({ spans, traces, others }: ParsedAnswer, bytes: number): void {
    for (const span of spans) if (!this.seen.has(span.trace)) this.spans.push(span)
    for (const [id, count] of traces) {
      this.seen.add(id)
      this.largest = Math.max(this.largest, count)
    }
    this.others += others
    this.bytes += bytes
  }

  answer(): WindowAnswer<JaegerApiSpan> {
    const { spans, others, bytes, largest, seen } = this
    return { spans, others, bytes, traces: seen.size, notes: largest >= cutTrace ? { possible_truncation: 1 } : {} }
  }
}

/** How windows of one service are asked. @param isV3 which of the two APIs */
function createAsk(http: PatientClient, isV3: boolean, limit: number, service: string, deps: SourceDeps) {
  /** All of one millisecond, whatever it takes. */
  const dense = async (wanted: Wanted, abort: AbortSignal): Promise<WindowAnswer<JaegerApiSpan>> => {
    const joined = new Joined()
    const ask = async (narrow: Narrow): Promise<boolean> => {
      const { parsed, bytes } = await askWell(http, isV3, wanted, narrow, deps, abort)
      if (parsed.traces.size >= narrow.limit) return false
      joined.add(parsed, bytes)
      return true
    }
    for (let more = Math.min(limit * 2, highestLimit); ; more = Math.min(more * 2, highestLimit)) {
      if (await ask({ limit: more })) return joined.answer()
      if (more >= highestLimit) break
    }
    const band = async (minDuration: number, maxDuration: number): Promise<void> => {
      if (await ask({ limit: highestLimit, minDuration, maxDuration })) return
      // To the query service no longest duration and one of 0 are the same.
      if (minDuration >= maxDuration || maxDuration <= 1) {
        const place = `${service} ${rfc3339(wanted.fromMs)}`
        throw sourceFault('truncated', `cannot read ${place}: one millisecond has more traces than an answer may hold`, place)
      }
      // By halves of the logarithm: most spans are short.
      const half = Math.floor(Math.sqrt((minDuration + 1) * (maxDuration + 1))) - 1
      const middle = Math.min(maxDuration - 1, Math.max(minDuration, half, 1))
      await band(minDuration, middle)
      await band(middle + 1, maxDuration)
    }
    // Not by operations: the store's list of them may be shorter than its history.
    await band(0, longestDuration)
    return joined.answer()
  }

  return async (fromMs: number, toMs: number, abort: AbortSignal): Promise<WindowAnswer<JaegerApiSpan> | 'full'> => {
    const wanted: Wanted = { service, fromMs, toMs }
    try {
      const { parsed, bytes } = await askWell(http, isV3, wanted, { limit }, deps, abort)
      if (parsed.traces.size < limit) {
        const one = new Joined()
        one.add(parsed, bytes)
        return one.answer()
      }
    } catch (error) {
      // What no answer can hold is full, too.
      if (faultWord(error) !== 'too_large' || toMs - fromMs <= 1) throw error
    }
    return toMs - fromMs > 1 ? 'full' : dense(wanted, abort)
  }
}

function translatePage(
  spans: readonly JaegerApiSpan[],
  notes: Readonly<Record<string, number>>,
  isV3: boolean,
  translate: BodyTranslator,
): TranslatedPage {
  const page = createPageBuilder()
  for (const [reason, count] of Object.entries(notes)) page.note(reason, count)
  const sum = createIdentitySum()
  if (spans.length === 0) return page.page(0n)
  const ordered = isV3 ? spans : byProcess(spans)
  const payload = isV3 ? otlpPayload(ordered) : uiPayload(ordered)
  const first = ordered[0] as JaegerApiSpan
  const body = translate(payload, Math.floor(first.place / 1000))
  const dropped = droppedIndexes(body)
  page.read = spans.length
  page.bytes = spans.reduce((all, { bytes }) => all + bytes.length, 0)
  page.body('traces', body, (index) => {
    const { trace, span } = ordered[index] ?? first
    return `${trace}/${span}`
  })
  ordered.forEach(({ trace, span, kind, place, service }, index) => {
    page.time(Math.floor(place / 1000))
    if (dropped.has(index)) return
    sum.text(trace)
    sum.text(span)
    sum.text(kind)
    sum.number(place)
    sum.text(service)
    sum.item()
  })
  return page.page(sum.value())
}

/** Spans in the order in which {@link uiPayload} writes them. */
function byProcess(spans: readonly JaegerApiSpan[]): readonly JaegerApiSpan[] {
  const groups = new Map<Uint8Array, JaegerApiSpan[]>()
  for (const span of spans) groups.set(span.around, [...(groups.get(span.around) ?? []), span])
  return [...groups.values()].flat()
}

async function servicesOf(http: PatientClient, abort: AbortSignal): Promise<readonly string[]> {
  const answer = await http.json({ path: '/api/services' }, abort)
  const data = typeof answer === 'object' && answer !== null && 'data' in answer ? answer.data : undefined
  if (!Array.isArray(data) && data !== null)
    throw sourceFault('source_error', `cannot read ${http.name}/api/services: the answer is none of Jaeger’s; is --url the query service?`)
  return (data ?? []).filter((one) => typeof one === 'string').sort()
}

/** Whether the third version is there, and its ids are such as OTLP has them. */
async function servesV3(http: PatientClient, deps: SourceDeps, limit: number): Promise<boolean> {
  const never = new AbortController().signal
  const { status, body } = await http.send({ path: '/api/v3/services', accept: [400, 404, 405, 501] }, never)
  // A page is what older ones answer unknown paths with.
  if (status !== 200 || !body.toString('utf8', 0, 64).trimStart().startsWith('{')) return false
  const [service] = await servicesOf(http, never)
  if (service === undefined) return true
  const toMs = deps.filter.untilMs ?? deps.nowMs()
  const wanted: Wanted = { service, fromMs: deps.filter.sinceMs ?? toMs - 86_400_000, toMs }
  try {
    const answer = await askOnce(http, true, wanted, { limit: Math.min(limit, 1) }, never)
    return answer.parsed.fault === '' && (!('hasHexIds' in answer.parsed) || answer.parsed.hasHexIds === true)
  } catch (error) {
    if (faultWord(error) === '') throw error
    return false
  }
}

async function open(options: Options, deps: SourceDeps): Promise<Source> {
  const http = await createSourceClient(options, deps)
  try {
    const isV3 = options.api === 'v3' || (options.api === 'auto' && (await servesV3(http, deps, options.limit)))
    const translate = isV3
      ? (await createMessageTranslator('otlp-json', 'traces', deps.translate)).translate
      : await deps.translator('jaeger-json')
    return createSource(options, deps, http, isV3, translate)
  } catch (error) {
    await http.close()
    throw error
  }
}

function createSource(options: Options, deps: SourceDeps, http: PatientClient, isV3: boolean, translate: BodyTranslator): Source {
  const read = (slice: SliceSpec, cursor: Json | undefined): SliceReader => {
    const { fromMs, toMs, service } = hoursOf(slice)
    if (service === undefined) throw new Error('BUG: a slice without a service')
    return createWindowReader<JaegerApiSpan>({
      fromMs,
      toMs,
      cursor,
      page: deps.page,
      aim: Math.max(1, Math.min(aim, options.limit >> 1)),
      ask: createAsk(http, isV3, options.limit, service, deps),
      translate: (spans, notes) => translatePage(spans, notes, isV3, translate),
    })
  }

  return {
    kind: 'jaeger-query',
    name: http.name,
    identity: `${publicUrl(options.url)} ${isV3 ? 'v3' : 'v1'}`,
    unit: 'span',
    approximate: isV3 ? undefined : 'adjusted: the query service may have moved times of children, and merged equal spans',
    isLocal: false,
    plansOnce: 'whole',
    async plan(abort) {
      const { services } = deps.filter
      const known = await servicesOf(http, abort)
      const names = services.length === 0 ? known : [...services].sort()
      const notes = [
        'The query service names only services that its store remembers; older ones are read when they are named with --service.',
        ...(isV3 ? [] : ['Spans come as the query service shows them (v1): times of children may be moved.']),
        ...services
          .filter((name) => !known.includes(name))
          .map((name) => `The query service does not know ${name}; it is asked for all the same.`),
      ]
      return hourlyPlan('jaeger-query', names, deps.filter, deps.nowMs(), notes)
    },
    open: read,
    count: async (slice, deep, abort) => (deep ? countByReading(read(slice, undefined), abort) : undefined),
    close: () => http.close(),
  }
}

/** Command `otlp-bridge backfill jaeger-query --url http://jaeger:16686`. */
export const jaegerQuery: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
