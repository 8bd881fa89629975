/**
 * `zipkin-api`: a Zipkin of which nothing but the query API is open (mapping/backfill.md 2.5).
 *
 *     GET /api/v2/services                                              names of the server's own lookback alone: for the plan
 *     GET /api/v2/traces?endTs=ms&lookback=ms&limit=L[&serviceName=S]   [[span]], traces whole, those with any span in the window
 *
 * A trace comes back in each window that it touches: a span is kept if its own time is in the window; one without a time belongs to the window of
 * its trace's earliest. Bounds are whole milliseconds at both ends, so that a window is asked a millisecond wider than it is.
 *
 * Storage in memory finds a trace by one time of it alone, that of its root: spans that begin in a later window never come in theirs. Whether that is so
 * is asked once, at the first trace that goes over the end of its window; there, traces are taken whole, in the window of that time.
 */

import { z } from 'zod'
import { BridgeError } from '../../errors.ts'
import type { BodyTranslator } from '../../ingest/adapter.ts'
import { faultWord, type PatientClient, sourceFault } from '../../read/patient-client.ts'
import { createIdentitySum } from '../identity.ts'
import type { Json, SliceSpec, TranslatedPage } from '../model.ts'
import type { SliceReader, Source, SourceDeps } from '../source.ts'
import type { SourceKind } from '../source-kind.ts'
import { hourlyPlan, hoursOf } from './api-slices.ts'
import { createWindowReader, type WindowAnswer } from './api-windows.ts'
import { createSourceClient, httpSourceKeys, publicUrl } from './http-options.ts'
import { joined } from './jaeger-query-answer.ts'
import { countByReading, createPageBuilder, droppedIndexes, type PageBuilder } from './payload-page.ts'
import { parseTraces, type ZipkinApiSpan, type ZipkinApiTrace } from './zipkin-api-answer.ts'

const options = z.strictObject({
  ...httpSourceKeys,
  limit: z
    .number()
    .int()
    .min(1)
    .max(9999)
    .default(1500)
    .describe('Traces in an answer. A full answer is thrown away and its window asked again in halves.'),
})

type Options = z.output<typeof options>

/** Traces that an answer should have. */
const aim = 300
/** The limit of a window of one millisecond. */
const highestLimit = 100_000
/** What Elasticsearch gives at the most, whatever the limit: an answer of just so many is a cut one. */
const storeLimit = 10_000

/** How the store finds traces: by any of their spans, or by one time of the trace. */
type FoundBy = 'span' | 'trace'

interface Means {
  readonly http: PatientClient
  readonly limit: number
  /** Undefined: not known yet. */
  foundBy: Promise<FoundBy> | undefined
}

async function ask(http: PatientClient, fromMs: number, toMs: number, limit: number, service: string | undefined, abort: AbortSignal) {
  const path = '/api/v2/traces'
  const query = [
    ['serviceName', service],
    ['endTs', toMs],
    ['lookback', toMs - fromMs + 1],
    ['limit', limit],
  ] as const
  const { status, body } = await http.send({ path, query, accept: [404] }, abort)
  if (status === 404) throw searchIsOff(http.name)
  const traces = parseTraces(body, `${http.name}${path}`)
  return { traces, bytes: body.length, full: traces.length >= limit || traces.length === storeLimit }
}

const searchIsOff = (name: string): BridgeError =>
  new BridgeError('OB_CONFIG', `cannot read ${name}: its search is switched off (SEARCH_ENABLED=false), or --url is no Zipkin`, {
    place: 'url',
  })

/** Asks for the window of a span that lies outside of the one its trace came in, and sees whether the trace comes again. */
async function findOut({ http }: Means, span: ZipkinApiSpan, abort: AbortSignal): Promise<FoundBy> {
  const atMs = Math.floor(span.timestamp / 1000)
  const { traces } = await ask(http, atMs, atMs + 1, storeLimit - 1, span.service === '' ? undefined : span.service.toLowerCase(), abort)
  return traces.some(({ spans }) => spans.some(({ trace }) => trace === span.trace)) ? 'span' : 'trace'
}

/** The spans of an answer that belong to its window. */
async function belonging(means: Means, traces: readonly ZipkinApiTrace[], fromMs: number, toMs: number, abort: AbortSignal) {
  const isIn = (micros: number): boolean => micros >= fromMs * 1000 && micros < toMs * 1000
  const spans: ZipkinApiSpan[] = []
  let others = 0
  let noTime = 0
  for (const trace of traces) {
    const outside = isIn(trace.ownTime)
      ? trace.spans.find(({ timestamp }) => timestamp > 0 && !isIn(timestamp) && isFar(timestamp, trace))
      : undefined
    if (outside !== undefined) means.foundBy ??= findOut(means, outside, abort)
    const foundBy = (await means.foundBy) ?? 'span'
    for (const span of trace.spans) {
      if (trace.ownTime === 0) noTime++
      else if (isIn(foundBy === 'trace' ? trace.ownTime : span.place))
        spans.push(foundBy === 'trace' ? { ...span, place: trace.ownTime } : span)
      else others++
    }
  }
  return { spans, others, noTime }
}

/** A question for the one, which is a millisecond wider than it has to be, does not find the other. */
const isFar = (micros: number, { ownTime }: ZipkinApiTrace): boolean =>
  Math.abs(Math.floor(micros / 1000) - Math.floor(ownTime / 1000)) >= 2

function createAsk(means: Means, service: string | undefined) {
  const { http } = means
  return async (fromMs: number, toMs: number, abort: AbortSignal): Promise<WindowAnswer<ZipkinApiSpan> | 'full'> => {
    const isNarrow = toMs - fromMs <= 1
    for (let { limit } = means; ; limit = Math.min(limit * 2, highestLimit)) {
      let answer: Awaited<ReturnType<typeof ask>>
      try {
        answer = await ask(http, fromMs, toMs, limit, service, abort)
      } catch (error) {
        if (faultWord(error) === 'too_large' && !isNarrow) return 'full'
        throw error
      }
      const { traces, bytes, full } = answer
      if (full && !isNarrow) return 'full'
      if (full && (limit >= highestLimit || traces.length === storeLimit)) {
        const place = new Date(fromMs).toISOString()
        throw sourceFault('truncated', `cannot read ${place}: one millisecond has more traces than an answer may hold`, place)
      }
      if (full) continue
      const { spans, others, noTime } = await belonging(means, traces, fromMs, toMs, abort)
      const own = service === undefined ? spans : spans.filter((span) => span.service.toLowerCase() === service)
      const notes = noTime > 0 ? { trace_without_time: noTime } : {}
      return { spans: own, traces: traces.length, bytes, others: others + spans.length - own.length, notes }
    }
  }
}

const open91 = Buffer.from('[')
const close93 = Buffer.from(']')

/** Translates spans that are taken to have been received at one moment. */
function translateSpans(
  spans: readonly ZipkinApiSpan[],
  atMs: number,
  translate: BodyTranslator,
  page: PageBuilder,
  identify: (span: ZipkinApiSpan) => void,
) {
  const [first] = spans
  if (first === undefined) return
  const body = translate(Buffer.concat([open91, joined(spans.map(({ bytes }) => bytes)), close93]), atMs)
  const dropped = droppedIndexes(body)
  page.body('traces', body, (index) => {
    const { trace, span } = spans[index] ?? first
    return `${trace}/${span}`
  })
  spans.forEach((span, index) => {
    if (!dropped.has(index)) identify(span)
  })
}

function translatePage(
  spans: readonly ZipkinApiSpan[],
  notes: Readonly<Record<string, number>>,
  translate: BodyTranslator,
): TranslatedPage {
  const page = createPageBuilder()
  for (const [reason, count] of Object.entries(notes)) page.note(reason, count)
  const sum = createIdentitySum()
  const identify = ({ trace, span, kind, timestamp, service }: ZipkinApiSpan): void => {
    sum.text(trace)
    sum.text(span)
    sum.text(kind)
    sum.number(timestamp)
    sum.text(service)
    sum.item()
  }
  page.read = spans.length
  for (const { bytes, place } of spans) {
    page.bytes += bytes.length
    page.time(Math.floor(place / 1000))
  }
  const timed = spans.filter(({ timestamp }) => timestamp > 0)
  translateSpans(timed, Math.floor((timed[0]?.place ?? 0) / 1000), translate, page, identify)
  // A span without a time has that of its trace: the same whenever it is read.
  const timeless = new Map<number, ZipkinApiSpan[]>()
  for (const span of spans) {
    if (span.timestamp > 0) continue
    const atMs = Math.floor(span.traceStart / 1000)
    timeless.set(atMs, [...(timeless.get(atMs) ?? []), span])
  }
  for (const [atMs, list] of timeless) translateSpans(list, atMs, translate, page, identify)
  return page.page(sum.value())
}

/** Names for the plan. Rejects with OB_CONFIG when the server does not search. */
async function servicesOf(http: PatientClient, abort: AbortSignal): Promise<readonly string[]> {
  const { status, body } = await http.send({ path: '/api/v2/services', accept: [404] }, abort)
  let names: unknown
  try {
    names = JSON.parse(body.toString())
  } catch {
    names = undefined
  }
  if (status === 404 || !Array.isArray(names)) throw searchIsOff(http.name)
  if (names.length > 0) return names.filter((one) => typeof one === 'string').sort()
  // An empty history and a server that does not search answer alike; what the server tells its page does not.
  const settings = await http.send({ path: '/config.json', accept: [301, 302, 400, 401, 403, 404, 405] }, abort)
  if (/"searchEnabled"\s*:\s*false/.test(settings.body.toString('utf8', 0, 65_536))) throw searchIsOff(http.name)
  return []
}

async function open(options: Options, deps: SourceDeps): Promise<Source> {
  const http = await createSourceClient(options, deps)
  const translate = await deps.translator('zipkin-json')
  const means: Means = { http, limit: options.limit, foundBy: undefined }

  const read = (slice: SliceSpec, cursor: Json | undefined): SliceReader => {
    const { fromMs, toMs, service } = hoursOf(slice)
    return createWindowReader<ZipkinApiSpan>({
      fromMs,
      toMs,
      cursor,
      page: deps.page,
      aim: Math.max(1, Math.min(aim, options.limit >> 1)),
      ask: createAsk(means, service),
      translate: (spans, notes) => translatePage(spans, notes, translate),
    })
  }

  return {
    kind: 'zipkin-api',
    name: http.name,
    identity: publicUrl(options.url),
    unit: 'span',
    approximate: undefined,
    isLocal: false,
    plansOnce: 'whole',
    async plan(abort) {
      const known = await servicesOf(http, abort)
      const { services } = deps.filter
      const notes = [
        `Services of the last day: ${known.length === 0 ? 'none' : known.slice(0, 20).join(', ')}${known.length > 20 ? ' …' : ''}. Older ones are read as well.`,
        'Traces none of whose spans has a timestamp cannot be found through the API.',
      ]
      const names = services.length === 0 ? undefined : services.map((name) => name.toLowerCase()).sort()
      return hourlyPlan('zipkin-api', names, deps.filter, deps.nowMs(), notes)
    },
    open: read,
    count: async (slice, deep, abort) => (deep ? countByReading(read(slice, undefined), abort) : undefined),
    close: () => http.close(),
  }
}

/** Command `otlp-bridge backfill zipkin-api --url http://zipkin:9411`. */
export const zipkinApi: SourceKind = { options, open: (given, _args, deps) => open(options.parse(given), deps) }
