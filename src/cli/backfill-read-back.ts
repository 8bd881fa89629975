/** Random items of a run, fetched from the new side and compared field by field, as `parity` does it. Spans only. */

import { setTimeout as sleep } from 'node:timers/promises'
import type { Ledger, SliceRecord } from '../backfill/ledger.ts'
import type { Source } from '../backfill/source.ts'
import type { Config } from '../config/compose.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { BridgeError } from '../errors.ts'
import { createTraceSource } from '../parity/backend.ts'
import { type CanonicalSpan, identityOf } from '../parity/canonical.ts'
import { compareSpans, type FieldDifference } from '../parity/traces-compare.ts'
import { canonicalSpansOf } from '../parity/traces-legacy.ts'
import { createBudget, createHttpClient } from '../read/http-client.ts'

export interface ReadBack {
  readonly asked: number
  readonly same: number
  readonly missing: number
  readonly different: number
  /** A line each, the first twenty. */
  readonly examples: readonly string[]
}

export interface ReadBackOptions {
  readonly ledger: Ledger
  readonly source: Source
  readonly count: number
  readonly config: Config
  /** Query URL of the new side. */
  readonly url: string | undefined
  readonly kind: string | undefined
  /** `Name: value`, each. */
  readonly headers: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stop: AbortSignal
  /** 0 ≤ x < 1; for tests. */
  readonly random?: () => number
}

/** Slices that are looked into, and pages of each: what is chosen from is spread over the history. */
const mostSlices = 40
const mostPages = 128
const mostExamples = 20
/** Traces that are asked for at once. */
const together = 50
const rate = 50

/** Some of a list, each with the same chance; the order is as it comes. */
function chosenOf<T>(list: readonly T[], count: number, random: () => number): readonly T[] {
  const rest = [...list]
  const chosen: T[] = []
  while (chosen.length < count && rest.length > 0) {
    const at = Math.floor(random() * rest.length)
    const [one] = rest.splice(at, 1)
    if (one !== undefined) chosen.push(one)
  }
  return chosen
}

async function randomSlices({ ledger, random = Math.random }: ReadBackOptions): Promise<readonly SliceRecord[]> {
  const chosen: SliceRecord[] = []
  let [seen, after]: [number, number | undefined] = [0, undefined]
  for (;;) {
    const page: readonly SliceRecord[] = await ledger.slices({
      states: ['done', 'done_with_losses', 'verified'],
      limit: 500,
      ...(after === undefined ? {} : { after }),
    })
    for (const slice of page) {
      if (slice.counts.acked === 0) continue
      seen++
      // A reservoir: every slice has the same chance, however many there are.
      if (chosen.length < mostSlices) chosen.push(slice)
      else {
        const at = Math.floor(random() * seen)
        if (at < mostSlices) chosen[at] = slice
      }
    }
    after = page.at(-1)?.order
    if (page.length < 500 || after === undefined) return chosen
  }
}

/** Spans of one page of a slice, a random one of the first twenty, as they were sent. */
async function spansOf(slice: SliceRecord, { source, stop, random = Math.random }: ReadBackOptions): Promise<readonly CanonicalSpan[]> {
  const wanted = Math.floor(random() * Math.min(mostPages, Math.max(1, slice.page)))
  const reader = source.open(slice, undefined)
  try {
    let spans: readonly CanonicalSpan[] = []
    for (let at = 0; at <= wanted; at++) {
      const page = await reader.next(stop)
      if (page === undefined) break
      if (at === wanted || page.last) {
        const { requests } = page.translate()
        if (requests.some((one) => one.signal !== 'traces'))
          throw new BridgeError('OB_CONFIG', 'cannot read back what the run sent: only spans can be read back so far', {
            place: '--read-back',
          })
        spans = requests.flatMap(({ data }) => canonicalSpansOf(data))
      }
      if (page.last) break
    }
    return spans
  } finally {
    await reader.close()
  }
}

const newUrl = ({ url, config }: ReadBackOptions): string => {
  const configured = typeof config.parity.new === 'string' ? config.parity.new : (config.parity.new?.jaeger ?? config.parity.new?.zipkin)
  const found = url ?? configured
  if (found === undefined || !/^https?:\/\//.test(found) || !URL.canParse(found))
    throw new BridgeError('OB_CONFIG', 'cannot read back: it is not known where to ask; give --new URL or parity.new', { place: '--new' })
  return found
}

/** Variable with headers for the new side, a line each: other users of the machine see flags. */
const headersVariable = 'OTLP_BRIDGE_NEW_HEADERS'

/**
 * Headers for the query URL: those of an endpoint of section `emit` at the very same host and port, such as its tenant, below what was given. Throws OB_CONFIG
 * for what is no header.
 */
export function headersFor(
  url: string,
  given: readonly string[],
  config: Pick<Config, 'emit'>,
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const headers: Record<string, string> = {}
  const { origin } = new URL(url)
  for (const { endpoints } of destinationsOf(config.emit)) {
    const same = endpoints.find((one) => URL.canParse(one.url) && new URL(one.url).origin === origin)
    for (const [name, value] of Object.entries(same?.headers ?? {})) headers[name.toLowerCase()] ??= value
  }
  const lines = (env[headersVariable] ?? '').split('\n').filter((line) => line.trim() !== '')
  for (const [at, line] of [...lines, ...given].entries()) {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+): *([^\r\n\0]*)$/.exec(line) ?? []
    if (name === undefined || value === undefined) {
      const place = at < lines.length ? headersVariable : '--new-header'
      throw new BridgeError('OB_CONFIG', `cannot use a header of ${place}: expected "Name: value"`, { place })
    }
    headers[name.toLowerCase()] = value
  }
  return headers
}

const describe = ({ path, expected, actual }: FieldDifference): string =>
  `${path}: sent ${expected ?? 'nothing'}, there is ${actual ?? 'nothing'}`

/** Rejects with OB_CONFIG where it is not known what to ask, with OB_BACKEND when it does not answer. */
export async function readBackItems(options: ReadBackOptions): Promise<ReadBack> {
  const { count, config, stop, random = Math.random } = options
  const [url, kind] = [newUrl(options), options.kind ?? 'jaeger']
  if (kind !== 'jaeger' && kind !== 'tempo')
    throw new BridgeError('OB_CONFIG', `cannot read back from ${kind}: expected jaeger or tempo`, { place: '--new-kind' })
  const headers = headersFor(url, options.headers, config, options.env)
  const deps = {
    fetch: globalThis.fetch,
    monotonicMs: () => performance.now(),
    sleep: (ms: number) => sleep(ms, undefined, { signal: stop }),
    signal: stop,
  }
  const budget = createBudget({ requests: 100_000, bytes: 8 * 2 ** 30, timeMs: 6 * 3_600_000 }, deps.monotonicMs)
  const http = createHttpClient({ url, rate, concurrent: 4, timeoutMs: 30_000, budget, headers }, deps)
  const backend = await createTraceSource({ side: 'new', kind, http }, config.translate)
  const slices = await randomSlices(options)
  const expected: CanonicalSpan[] = []
  for (const slice of slices) {
    const share = Math.ceil((count - expected.length) / (slices.length - slices.indexOf(slice)))
    expected.push(...chosenOf(await spansOf(slice, options), share, random))
  }
  let [same, missing, different] = [0, 0, 0]
  const examples: string[] = []
  const example = (text: string): void => void (examples.length < mostExamples && examples.push(text))
  for (let at = 0; at < expected.length; at += together) {
    const some = expected.slice(at, at + together)
    const times = some.map(({ startNs }) => Number(startNs / 1_000_000n))
    const window = { fromMs: Math.min(...times) - 3_600_000, toMs: Math.max(...times) + 3_600_000 }
    const stored = await backend.fetch([...new Set(some.map(({ traceId }) => traceId))], window)
    const byIdentity = new Map(stored.map(({ span }) => [identityOf(span), span]))
    const readers = { old: 'otlp', new: await backend.reader() } as const
    for (const one of some) {
      const there = byIdentity.get(identityOf(one))
      const faults = there === undefined ? [] : compareSpans(one, there, readers).filter((fault) => fault.class === 'unexplained')
      if (there === undefined) {
        missing++
        example(`${one.traceId}/${one.spanId} ${one.service}: not found`)
      } else if (faults.length > 0) {
        different++
        example(`${one.traceId}/${one.spanId} ${one.service}: ${faults.slice(0, 3).map(describe).join('; ')}`)
      } else same++
    }
  }
  return { asked: expected.length, same, missing, different, examples }
}
