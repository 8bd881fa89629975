/**
 * Spans of the sample against what the old program's query API says of them, in two ways: as parity compares them, and by the census, which knows no
 * rule of translation: every scalar of the old record is in the new one, and what is in the new one comes from somewhere.
 */

import { type CanonicalSpan, canonicalSpan } from '../../src/parity/canonical.ts'
import { census } from '../../src/parity/census.ts'
import { compareSpans } from '../../src/parity/traces-compare.ts'
import { createLegacyTranslation, type LegacySpan } from '../../src/parity/traces-legacy.ts'
import { isJson, type Json, listOf, otlpSpans } from '../../src/read/otlp-json.ts'
import { officialDecode } from '../support/official-otlp.ts'

/** What is known of a span that is to be looked up. */
export interface SampledSpan {
  readonly traceId: string
  readonly spanId: string
  readonly service: string
  readonly startUs: number
}

async function answerOf(url: string): Promise<unknown> {
  const reply = await fetch(url)
  if (!reply.ok) throw new Error(`cannot get ${url}: ${reply.status} ${(await reply.text()).slice(0, 300)}`)
  return reply.json()
}

const sameId = (value: unknown, id: string): boolean => String(value).padStart(id.length, '0') === id

/** Out of Jaeger's `/api/traces`: by service and time, for by its id it is not found when it is older than the server looks back. */
export async function jaegerSpan(url: string, { traceId, spanId, service, startUs }: SampledSpan): Promise<LegacySpan | undefined> {
  const query = new URLSearchParams({ service, start: String(startUs - 1), end: String(startUs + 1), limit: '100', raw: 'true' })
  const answer = await answerOf(`${url}/api/traces?${query}`)
  const traces = listOf(isJson(answer) ? answer['data'] : undefined)
  const trace = traces.find((one) => sameId(one['traceID'], traceId))
  const span = listOf(trace?.['spans']).find((one) => sameId(one['spanID'], spanId) && one['startTime'] === startUs)
  const processes = isJson(trace?.['processes']) ? trace['processes'] : {}
  const process = processes[String(span?.['processID'])]
  return span === undefined || !isJson(process) ? undefined : { format: 'jaeger', span, process }
}

/** Out of Zipkin's `/api/v2/trace`. */
export async function zipkinSpan(url: string, { traceId, spanId, startUs }: SampledSpan): Promise<LegacySpan | undefined> {
  const answer = await answerOf(`${url}/api/v2/trace/${traceId}`)
  const span = listOf(answer).find((one) => sameId(one['id'], spanId) && one['timestamp'] === startUs)
  return span === undefined ? undefined : { format: 'zipkin', span }
}

/** The one span of a request, as protobufjs reads it. */
function receivedSpan(request: Buffer): CanonicalSpan {
  const [span] = [...otlpSpans(officialDecode(request, 'traces') as Json)]
  if (span === undefined) throw new Error('cannot compare: a request of the sample holds no span')
  return canonicalSpan(span)
}

export interface SpanComparison {
  readonly compared: number
  /** Scalars of old records that were looked for. */
  readonly atoms: number
  /** The first of what does not agree, a line each. */
  readonly differences: readonly string[]
}

/** @param find undefined: the old side does not have it @param received the sink's, by the key of the sample */
export async function compareSpanSample(
  format: 'jaeger' | 'zipkin',
  sampled: ReadonlyMap<string, SampledSpan>,
  received: ReadonlyMap<string, Buffer>,
  find: (span: SampledSpan) => Promise<LegacySpan | undefined> | LegacySpan | undefined,
): Promise<SpanComparison> {
  const translation = await createLegacyTranslation(format, {})
  const readers = { old: format === 'jaeger' ? ('jaeger-json' as const) : ('zipkin' as const), new: 'otlp' as const }
  const differences: string[] = []
  let [compared, atomCount] = [0, 0]
  const say = (text: string): void => void (differences.length < 20 ? differences.push(text) : undefined)
  const compare = async (key: string, one: SampledSpan): Promise<void> => {
    const where = `${one.traceId}/${one.spanId}`
    const request = received.get(key)
    const legacy = await find(one)
    if (request === undefined || legacy === undefined) {
      say(`${where}: ${request === undefined ? 'it did not come' : 'the old side does not have it'}`)
      return
    }
    compared++
    const span = receivedSpan(request)
    const expected = translation.canonical(legacy)
    if (expected === undefined) say(`${where}: parity cannot translate it`)
    else {
      for (const fault of compareSpans(expected, span, readers)) {
        if (fault.class === 'unexplained')
          say(`${where} ${fault.path}: ${fault.expected ?? 'nothing'}, received ${fault.actual ?? 'nothing'}`)
      }
    }
    const atoms = translation.atoms(legacy)
    atomCount += atoms.length
    for (const left of census(atoms, span, translation.explain(legacy)))
      say(`${where} ${left.side} ${left.path}=${left.value} has no counterpart`)
  }
  const rest = [...sampled]
  const worker = async (): Promise<void> => {
    for (let one = rest.pop(); one !== undefined; one = rest.pop()) await compare(...one)
  }
  await Promise.all([worker(), worker(), worker(), worker()])
  return { compared, atoms: atomCount, differences }
}
