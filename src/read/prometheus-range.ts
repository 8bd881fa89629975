/**
 * Samples out of the query API of Prometheus and of what speaks it: mapping/backfill.md 2.9. A range selector at one time gives them as they are
 * stored; `query_range` is for those who do not let that through, and gives what a graph would show.
 */

import type { PatientAnswer, PatientClient, PatientRequest } from './patient-client.ts'
import { faultWord, sourceFault } from './patient-client.ts'
import { type ReadAnswer, type ReadRange, SeriesGather, TooMuch, TornAnswer } from './prometheus-gather.ts'
import { type ToldHistogram, toldToNative } from './prometheus-range-histograms.ts'
import { Samples } from './prometheus-tsdb/samples.ts'

export interface PrometheusRange {
  /** Names of metrics that have samples in the range. Rejects with OB_SOURCE, `partial_results` when only a part answered. */
  names(selector: string, fromMs: number, toMs: number, abort: AbortSignal): Promise<readonly string[]>
  /** Samples as stored, but for markers of staleness. @throws TooMuch, OB_SOURCE; `partial_results` for a warning that something did not answer */
  raw(selector: string, range: ReadRange, abort: AbortSignal): Promise<ReadAnswer>
  /** Samples at whole multiples of the step. */
  steps(selector: string, range: ReadRange, stepMs: number, abort: AbortSignal): Promise<ReadAnswer>
  /** Sentences that the server said beside its answers, each once. */
  readonly said: ReadonlySet<string>
}

/** Statuses that carry the API's own words. */
const told = [400, 404, 405, 422, 500]
/** A question that took too long is answered with 503, as a server that is not ready does. */
const toldOrLate = [...told, 503]
/** Parsed, JSON takes some ten times its size; of a range that can be made shorter no more is parsed. */
const mostJson = 8 * 1024 * 1024
const maxSteps = 11_000
const mostSaid = 20

interface Answer {
  readonly status?: unknown
  readonly data?: unknown
  readonly error?: unknown
  readonly errorType?: unknown
  readonly warnings?: unknown
  readonly infos?: unknown
  readonly isPartial?: unknown
}

interface Told {
  readonly metric?: Readonly<Record<string, string>>
  readonly values?: readonly (readonly [unknown, unknown])[]
  readonly histograms?: readonly (readonly [
    unknown,
    { readonly count: unknown; readonly sum: unknown; readonly buckets?: readonly (readonly unknown[])[] },
  ])[]
}

const bits = new DataView(new ArrayBuffer(8))

const numberOf = (text: unknown): number => {
  const word = String(text)
  if (word === '+Inf' || word === 'Inf') return Number.POSITIVE_INFINITY
  return word === '-Inf' ? Number.NEGATIVE_INFINITY : Number(word)
}

const millisOf = (seconds: unknown): number => Math.round(Number(seconds) * 1000)

/** Seconds with three digits behind the point. */
export const secondsText = (ms: number): string => (ms / 1000).toFixed(3)

/** Prometheus' own quiet NaN; that of an engine may be another one. */
const nanHi = 0x7ff80000
const nanLo = 1

function put(out: Samples, timeMs: number, value: number): void {
  if (Number.isNaN(value)) {
    out.push(timeMs, nanHi, nanLo, 0, undefined)
    return
  }
  bits.setFloat64(0, value)
  out.push(timeMs, bits.getInt32(0), bits.getInt32(4), 0, undefined)
}

function samplesOf({ values = [], histograms = [] }: Told, out: Samples): void {
  out.clear()
  let next = 0
  for (const [time, one] of histograms) {
    const timeMs = millisOf(time)
    for (; next < values.length && millisOf(values[next]?.[0]) < timeMs; next++)
      put(out, millisOf(values[next]?.[0]), numberOf(values[next]?.[1]))
    const histogram: ToldHistogram = {
      timeMs,
      count: numberOf(one.count),
      sum: numberOf(one.sum),
      buckets: (one.buckets ?? []).map(([closed, lower, upper, count]) => [
        Number(closed),
        numberOf(lower),
        numberOf(upper),
        numberOf(count),
      ]),
    }
    const native = toldToNative(histogram)
    out.push(timeMs, native.sumHi, native.sumLo, 0, native)
  }
  for (; next < values.length; next++) put(out, millisOf(values[next]?.[0]), numberOf(values[next]?.[1]))
}

const tooMuchWords =
  /too many samples|exceed(s|ed) (the )?(limit|maximum)|max-samples|too much data|maximum resolution|timed out|timeout|response size/i

export function createPrometheusRange(client: PatientClient): PrometheusRange {
  const said = new Set<string>()
  const own = new Samples()
  let posts = true

  const read = (path: string, { status, body }: PatientAnswer): Answer => {
    let answer: Answer
    try {
      answer = JSON.parse(body.toString()) as Answer
    } catch {
      throw new TornAnswer(`status ${status}, and the answer is not JSON`)
    }
    if (answer?.status !== 'success') {
      const words = `${String(answer?.errorType ?? 'error')}: ${String(answer?.error ?? `status ${status}`).slice(0, 300)}`
      if (tooMuchWords.test(words)) throw new TooMuch(words)
      throw sourceFault('source_error', `cannot ask ${client.name}${path}: ${words}`, path)
    }
    const warnings = Array.isArray(answer.warnings) ? answer.warnings.map(String) : []
    // What has only a part of the data says so in one of these ways.
    const partial = answer.isPartial === true ? 'isPartial' : warnings.find((one) => !/PromQL (info|warning)/i.test(one))
    if (partial !== undefined) {
      throw sourceFault('partial_results', `cannot ask ${client.name}${path}: only a part answered: ${partial.slice(0, 300)}`, path)
    }
    const infos = Array.isArray(answer.infos) ? answer.infos.map(String) : []
    for (const one of [...warnings, ...infos]) if (said.size < mostSaid) said.add(one.slice(0, 300))
    return answer
  }

  /** A 503 that says nothing of a question is waited out. */
  const patiently = async (request: PatientRequest, abort: AbortSignal): Promise<PatientAnswer> => {
    const found = await client.send({ ...request, accept: toldOrLate }, abort)
    return found.status !== 503 || tooMuchWords.test(found.body.toString()) ? found : client.send({ ...request, accept: told }, abort)
  }

  const sendForm = async (path: string, form: readonly (readonly [string, string])[], abort: AbortSignal): Promise<PatientAnswer> => {
    if (posts) {
      const body = new URLSearchParams(form.map(([key, value]): [string, string] => [key, value])).toString()
      const headers = { 'content-type': 'application/x-www-form-urlencoded' }
      const found = await patiently({ method: 'POST', path, body, headers }, abort)
      if (found.status !== 405) return found
      posts = false
    }
    return patiently({ path, query: form }, abort)
  }

  const ask = async (path: string, form: readonly (readonly [string, string])[], range: ReadRange, abort: AbortSignal) => {
    let found: PatientAnswer
    try {
      found = await sendForm(path, form, abort)
    } catch (error) {
      if (faultWord(error) === 'too_large') throw new TooMuch(error instanceof Error ? error.message : '')
      throw error
    }
    const { length } = found.body
    const most = range.toMs - range.fromMs > 1 ? Math.min(range.maxBytes, mostJson) : range.maxBytes
    if (length > most) throw new TooMuch(`more than ${most} bytes`)
    return { answer: read(path, found), bytes: length }
  }

  const gathered = ({ answer, bytes }: { answer: Answer; bytes: number }, range: ReadRange): ReadAnswer => {
    const gather = new SeriesGather(range)
    const { result } = (answer.data ?? {}) as { result?: readonly Told[] }
    for (const one of result ?? []) {
      const labels = Object.entries(one.metric ?? {}).sort(([left], [right]) => (left < right ? -1 : left > right ? 1 : 0))
      samplesOf(one, own)
      gather.begin(labels.flat())
      gather.add(own)
    }
    return gather.answer(bytes)
  }

  return {
    said,
    async names(selector, fromMs, toMs, abort) {
      const path = '/api/v1/label/__name__/values'
      const query: [string, string][] = [
        ['start', secondsText(fromMs)],
        ['end', secondsText(toMs - 1)],
      ]
      if (selector !== '') query.push(['match[]', selector])
      const answer = read(path, await client.send({ path, query, accept: told }, abort))
      return ((answer.data ?? []) as readonly unknown[]).filter((one): one is string => typeof one === 'string')
    },
    async raw(selector, range, abort) {
      // From the millisecond before, which Prometheus 2 takes in and 3 does not: it is left out as what is beyond the range.
      const found = await ask(
        '/api/v1/query',
        [
          ['query', `${selector}[${range.toMs - range.fromMs}ms]`],
          ['time', secondsText(range.toMs - 1)],
        ],
        range,
        abort,
      )
      return gathered(found, range)
    },
    async steps(selector, range, stepMs, abort) {
      const start = Math.ceil(range.fromMs / stepMs) * stepMs
      const end = Math.floor((range.toMs - 1) / stepMs) * stepMs
      if (end < start) return { series: [], samples: 0, bytes: 0, duplicates: 0, conflicts: 0 }
      if ((end - start) / stepMs + 1 > maxSteps) throw new TooMuch(`more than ${maxSteps} steps`)
      const found = await ask(
        '/api/v1/query_range',
        [
          ['query', selector],
          ['start', secondsText(start)],
          ['end', secondsText(end)],
          ['step', secondsText(stepMs)],
        ],
        range,
        abort,
      )
      return gathered(found, range)
    },
  }
}
