/**
 * The query API of Loki, as far as log entries are counted and read back: cutover 3.6. Times are nanoseconds since the epoch as bigint, because
 * pages begin where others ended.
 */

import { BridgeError } from '../errors.ts'
import type { HttpClient, HttpResponse } from './http-client.ts'

/** An entry as it is stored. */
export interface LokiEntry {
  /** Of its stream: the index labels. */
  readonly labels: Readonly<Record<string, string>>
  readonly timeNs: bigint
  readonly line: string
  /** Structured metadata. With a server that does not tell it apart it is empty, and all is in `labels`. */
  readonly metadata: Readonly<Record<string, string>>
}

/** `[startNs, endNs)` */
export interface NanoRange {
  readonly startNs: bigint
  readonly endNs: bigint
}

export interface LokiApi {
  /** For messages. */
  readonly name: string
  /**
   * Entries by minute, `[t, t + 60 s)`, keyed by its start in ms; minutes without any are left out. Exact for times in whole milliseconds: what
   * lies within the last millisecond of a minute is counted in the next one. {@link edge} says how many that are.
   * @param fromMs, toMs whole minutes
   */
  counts(query: string, fromMs: number, toMs: number): Promise<ReadonlyMap<number, number>>
  /** Entries within the last millisecond before `minuteMs`, without its first nanosecond: those that {@link counts} has one minute late. */
  edge(query: string, minuteMs: number): Promise<number>
  /**
   * Entries of a range, ascending in time, page by page. Each once.
   * @param query selector and filters
   * @throws OB_BACKEND when more entries than a page holds have one and the same nanosecond
   */
  entries(query: string, range: NanoRange): AsyncGenerator<readonly LokiEntry[], void, undefined>
  /** Values of a label. */
  labelValues(label: string, range: NanoRange): Promise<readonly string[]>
}

/** `max_entries_limit_per_query`, unless the server has another. */
const pageSize = 5000

const minuteMs = 60_000
const nanos = 1_000_000n

/** Structured metadata apart from labels. */
const categorize = { 'x-loki-response-encoding-flags': 'categorize-labels' } as const

const path = '/loki/api/v1/query_range'

/** A label's value in a selector. */
export const quotedLabel = (value: string): string => JSON.stringify(value)

interface Stream {
  readonly stream?: Readonly<Record<string, string>>
  readonly metric?: Readonly<Record<string, string>>
  readonly values?: readonly (readonly [unknown, unknown, { readonly structuredMetadata?: Readonly<Record<string, string>> }?])[]
}

interface Answer {
  readonly status?: unknown
  readonly data?: { readonly resultType?: unknown; readonly result?: readonly Stream[] }
}

/** @param http below which `/loki/api/v1` lies */
export function createLokiApi(http: HttpClient): LokiApi {
  const fault = (cause: string): BridgeError => new BridgeError('OB_BACKEND', `cannot ask ${http.name}${path}: ${cause}`)
  let most = pageSize

  const resultOf = ({ status, body }: HttpResponse): readonly Stream[] => {
    const text = Buffer.from(body).toString()
    // Faults are plain text.
    if (status !== 200) throw fault(`status ${status} ${text.slice(0, 300)}`)
    let answer: Answer | undefined
    try {
      answer = JSON.parse(text) as Answer
    } catch {
      throw fault('the answer is not JSON')
    }
    const result = answer?.data?.result
    // Nothing may look like none: what stands between may answer an error as a success.
    if (answer?.status !== 'success' || !Array.isArray(result)) throw fault(`the answer is no result: ${text.slice(0, 160)}`)
    return result
  }

  const page = async (query: string, { startNs, endNs }: NanoRange): Promise<LokiEntry[]> => {
    const ask = (): Promise<HttpResponse> =>
      http.send({
        path,
        query: [
          ['query', query],
          ['start', String(startNs)],
          ['end', String(endNs)],
          ['limit', most],
          ['direction', 'forward'],
        ],
        headers: categorize,
        accept: [400],
      })
    let answer = await ask()
    // "max entries limit per query exceeded, limit > max_entries_limit_per_query (5000 > 1000)"
    const lower = answer.status === 400 ? /max_entries_limit\w* \(\d+ > (\d+)\)/.exec(Buffer.from(answer.body).toString())?.[1] : undefined
    if (lower !== undefined && Number(lower) > 0 && Number(lower) < most) {
      most = Number(lower)
      answer = await ask()
    }
    return resultOf(answer).flatMap(({ stream = {}, values = [] }) =>
      values.map(([time, line, more]) => ({
        labels: stream,
        timeNs: BigInt(String(time)),
        line: String(line),
        metadata: more?.structuredMetadata ?? {},
      })),
    )
  }

  async function* entries(query: string, { startNs, endNs }: NanoRange): AsyncGenerator<readonly LokiEntry[], void, undefined> {
    for (let at = startNs; at < endNs; ) {
      const found = await page(query, { startNs: at, endNs })
      found.sort((a, b) => (a.timeNs < b.timeNs ? -1 : a.timeNs > b.timeNs ? 1 : 0))
      const last = found.at(-1)
      if (last === undefined) return
      if (found.length < most) {
        yield found
        return
      }
      // A full page may end in the midst of entries of one time: the next one begins with all of that time.
      const whole = found.filter(({ timeNs }) => timeNs < last.timeNs)
      if (whole.length === 0) throw fault(`more than ${most} entries have the time ${last.timeNs} ns`)
      yield whole
      at = last.timeNs
    }
  }

  return {
    name: http.name,
    async counts(query, fromMs, toMs) {
      if (toMs <= fromMs) return new Map()
      const answer = await http.send({
        path,
        query: [
          // Loki's range at t is (t − 1m, t]: with an offset of 1 ms it is [t − 1m, t) for whole milliseconds, labelled with its end.
          ['query', `sum(count_over_time(${query}[1m] offset 1ms))`],
          ['start', String(BigInt(fromMs + minuteMs) * nanos)],
          ['end', String(BigInt(toMs) * nanos)],
          ['step', '60'],
        ],
        accept: [400],
      })
      const counts = new Map<number, number>()
      for (const { values = [] } of resultOf(answer)) {
        for (const [seconds, count] of values) {
          const at = Math.round(Number(seconds) * 1000) - minuteMs
          if (at >= fromMs && at < toMs) counts.set(at, (counts.get(at) ?? 0) + Number(count))
        }
      }
      return counts
    },
    async edge(query, atMs) {
      const endNs = BigInt(atMs) * nanos
      let count = 0
      for await (const found of entries(query, { startNs: endNs - nanos + 1n, endNs })) count += found.length
      return count
    },
    entries,
    async labelValues(label, { startNs, endNs }) {
      const answer = (await http.json({
        path: `/loki/api/v1/label/${encodeURIComponent(label)}/values`,
        query: [
          ['start', String(startNs)],
          ['end', String(endNs)],
        ],
      })) as { data?: readonly string[] | null } | undefined
      return answer?.data ?? []
    },
  }
}
