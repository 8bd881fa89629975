/**
 * Spans of both sides, as stored (cutover 3.3, 3.4): all of a window are read and counted by service and minute, a sample of them is compared
 * field by field and put to the census. A trace that one side's search did not give is asked for by its id before it counts as missing.
 */

import { BridgeError } from '../errors.ts'
import { createTraceSource, type StoredSpan, type TraceSource } from './backend.ts'
import { keyFilter } from './keys.ts'
import type { CompareDeps, Comparison, ExpectedMinute, ExpectedSample, KeyResult, ParityFormat, Window } from './model.ts'
import type { Readers } from './traces-compare.ts'
import { tracesInFormat } from './traces-expected.ts'
import { judgeKeys, type Read } from './traces-judge.ts'
import type { LegacyTranslator } from './traces-legacy.ts'
import { readerOf } from './traces-model.ts'
import { pairUp, sampleOrder, stacksOf } from './traces-pairs.ts'

/** More traces in a window than this are not held at once. */
const mostTraces = 20_000

/** Traces asked for by id because a search did not give them. */
const mostVerified = 1000

/** Of more than that, so many are asked for, and stand for the others when none of them is there. */
const verifiedSample = 200

type SpansByTrace = Map<string, readonly StoredSpan[]>

function addTraces(traces: SpansByTrace, page: readonly StoredSpan[]): void {
  const fresh = new Map<string, StoredSpan[]>()
  for (const one of page) {
    // A trace comes whole: what came before is the same one again, by another service or at the seam of two pages.
    if (traces.has(one.span.traceId)) continue
    const list = fresh.get(one.span.traceId)
    if (list === undefined) fresh.set(one.span.traceId, [one])
    else list.push(one)
  }
  for (const [id, list] of fresh) traces.set(id, list)
  if (traces.size > mostTraces)
    throw new BridgeError('OB_PARITY', `cannot compare the window: it holds more than ${mostTraces} traces; take a shorter one or --key`)
}

async function scanAll(source: TraceSource, window: Window, wanted: (key: string) => boolean, all: boolean): Promise<SpansByTrace> {
  const traces: SpansByTrace = new Map()
  if (source.wholesale && all) {
    for await (const page of source.scan(window, undefined)) addTraces(traces, page)
    return traces
  }
  for (const service of await source.services(window)) {
    if (!wanted(service)) continue
    for await (const page of source.scan(window, service)) addTraces(traces, page)
  }
  return traces
}

/** Asks for traces by id that the search of one side did not give; of very many a sample, and all of them when one of it is there. */
async function verify(source: TraceSource, ids: readonly string[], window: Window, into: SpansByTrace): Promise<void> {
  if (ids.length <= mostVerified) {
    addTraces(into, await source.fetch(ids, window))
    return
  }
  const ordered = [...ids].sort((a, b) => (sampleOrder(a) < sampleOrder(b) ? -1 : 1))
  const some = await source.fetch(ordered.slice(0, verifiedSample), window)
  addTraces(into, some)
  if (some.length > 0) addTraces(into, await source.fetch(ordered.slice(verifiedSample), window))
}

const without = (of: SpansByTrace, there: SpansByTrace, wanted: (one: StoredSpan) => boolean): readonly string[] =>
  [...of].filter(([id, spans]) => !there.has(id) && spans.some(wanted)).map(([id]) => id)

/** Traces of which the other side has something, and not all: they may still be coming in. */
const incomplete = (of: SpansByTrace, there: SpansByTrace, wanted: (one: StoredSpan) => boolean): readonly string[] =>
  [...of].flatMap(([id, spans]) => {
    const others = there.get(id)
    if (others === undefined) return []
    const known = new Set(others.map(({ span }) => span.spanId))
    return spans.some((one) => wanted(one) && !known.has(one.span.spanId)) ? [id] : []
  })

/** What the books know of the window; each part undefined when they do not. */
interface FromBooks {
  readonly expected: readonly ExpectedMinute[] | undefined
  readonly samples: readonly ExpectedSample[] | undefined
}

/** @param over a translator in place of the bridge's, for tests */
export function createTracesComparison(deps: CompareDeps, over?: LegacyTranslator): Comparison {
  const format: ParityFormat = deps.old.kind === 'zipkin' ? 'zipkin' : 'jaeger'
  const { options } = deps
  const globs = keyFilter(options.keys)
  // Zipkin stores names of services in lower case.
  const keyOf = (service: string): string => (format === 'zipkin' ? service.toLowerCase() : service)
  const wanted = (service: string): boolean => globs(keyOf(service))
  const sources = Promise.all([
    createTraceSource(deps.old, deps.config.translate, over),
    createTraceSource(deps.new, deps.config.translate),
  ])
  // Whoever never compares never looks at it.
  sources.catch(() => undefined)

  const fromBooks = async (window: Window): Promise<FromBooks> => ({
    expected: await deps.books?.expected(format, window),
    samples: await deps.books?.samples(format, window),
  })

  /** Both sides of a window, with what a search missed. */
  const read = async (old: TraceSource, young: TraceSource, window: Window): Promise<Read> => {
    const inWindow = ({ span }: StoredSpan): boolean => {
      const ms = Number(span.startNs / 1_000_000n)
      return ms >= window.fromMs && ms < window.toMs && wanted(span.service)
    }
    const all = options.keys.length === 0
    deps.progress('reading both sides')
    const [oldTraces, newTraces] = await Promise.all([scanAll(old, window, wanted, all), scanAll(young, window, wanted, all)])
    const asked = options.ids.map((id) => (id.split('/')[0] ?? '').toLowerCase().padStart(32, '0'))
    const missing = () => ({
      old: [...new Set([...without(newTraces, oldTraces, inWindow), ...asked.filter((id) => !oldTraces.has(id))])],
      new: [...new Set([...without(oldTraces, newTraces, inWindow), ...asked.filter((id) => !newTraces.has(id))])],
    })
    const verifyBoth = async (): Promise<void> => {
      const ids = missing()
      if (ids.old.length + ids.new.length > 0) deps.progress(`asking for ${ids.old.length + ids.new.length} traces by id`)
      await Promise.all([verify(old, ids.old, window, oldTraces), verify(young, ids.new, window, newTraces)])
    }
    await verifyBoth()
    const settle = Math.max(options.settleMs.old, options.settleMs.new)
    if (window.toMs > deps.nowMs() - 2 * settle) {
      const part = { old: incomplete(newTraces, oldTraces, inWindow), new: incomplete(oldTraces, newTraces, inWindow) }
      const ids = missing()
      if (ids.old.length + ids.new.length + part.old.length + part.new.length > 0) {
        deps.progress('waiting for what may not have settled')
        await deps.sleep(settle)
        // What is there in part is read anew, as far as that goes.
        for (const id of part.old.slice(0, mostVerified)) oldTraces.delete(id)
        for (const id of part.new.slice(0, mostVerified)) newTraces.delete(id)
        await verifyBoth()
      }
    }
    const [oldSpans, newSpans] = [[...oldTraces.values()].flat(), [...newTraces.values()].flat()]
    const pairs = pairUp(stacksOf(oldSpans), stacksOf(newSpans), deps.old.kind === 'zipkin')
    return { pairs, inWindow, asked: new Set(asked) }
  }

  return {
    async compare(window): Promise<readonly KeyResult[]> {
      const [old, young] = await sources
      const known = await fromBooks(window)
      const found = await read(old, young, window)
      const sent = tracesInFormat(known.samples ?? [])
      const readers: Readers = { old: await old.reader(), new: readerOf(await young.reader(), found.pairs.pairs, sent) }
      deps.progress('comparing')
      return judgeKeys({
        format,
        window,
        read: found,
        readers,
        translation: old.translation,
        keyOf,
        wanted,
        samples: options.samples,
        expected: known.expected,
        sent,
      })
    },
  }
}
