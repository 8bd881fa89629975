/**
 * A slice of a store that is open through its query API alone, read window by window (mapping/backfill.md 2.4, 2.5). A window whose answer is full is
 * thrown away and asked again in halves; after one that was far from full the next is wider. Where it is going is all in the cursor, so that a slice
 * that is gone on with asks the same windows and cuts the same pages.
 */

import { BridgeError } from '../../errors.ts'
import type { Json, Page, TranslatedPage } from '../model.ts'
import type { SliceReader } from '../source.ts'

/** A span of an answer: its bytes, and what decides where it belongs. */
export interface ApiSpan {
  /** µs since 1970: by it the span belongs to its window. */
  readonly place: number
  /** Hex digits as they stand in the answer. */
  readonly trace: string
  readonly span: string
  readonly bytes: Uint8Array
}

/** What a window holds. */
export interface WindowAnswer<Span extends ApiSpan> {
  /** Those that belong to the window, in any order. */
  readonly spans: Span[]
  /** Traces in the answer, and its bytes: the next window is as wide as they let it. */
  readonly traces: number
  readonly bytes: number
  /** Spans of other windows or services that came with them. */
  readonly others: number
  /** Things to count that happened: `possible_truncation`. */
  readonly notes: Readonly<Record<string, number>>
}

export interface WindowReaderOptions<Span extends ApiSpan> {
  readonly fromMs: number
  readonly toMs: number
  readonly cursor: Json | undefined
  readonly page: { readonly items: number; readonly bytes: number }
  /** Traces that a window should have. */
  readonly aim: number
  /** Asks for `[fromMs, toMs)`. `full`: there may be more in it; never for a window of one millisecond, where that is OB_SOURCE, `truncated`. */
  ask(fromMs: number, toMs: number, abort: AbortSignal): Promise<WindowAnswer<Span> | 'full'>
  /** @param notes of the window, at the first page of it */
  translate(spans: readonly Span[], notes: Readonly<Record<string, number>>): TranslatedPage
}

/** Where a slice stands. `to` and `after` only in the middle of a window; `after`: place, trace, span, number among those that are alike. */
interface Position {
  readonly at: number
  readonly width: number
  readonly to?: number
  readonly after?: readonly [number, string, string, number]
}

const firstWindowMs = 60_000
/** Bytes that the answer of a window should have at the most. */
const aimBytes = 4 * 2 ** 20

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isSafeInteger(value)

function positionOf(cursor: Json | undefined, fromMs: number, toMs: number): Position {
  if (cursor === undefined) return { at: fromMs, width: Math.min(firstWindowMs, toMs - fromMs) }
  const { at, width, to, after } = (typeof cursor === 'object' && cursor !== null ? cursor : {}) as Record<string, unknown>
  const [place, trace, span, number] = Array.isArray(after) ? after : []
  const isAfter = isNumber(place) && typeof trace === 'string' && typeof span === 'string' && isNumber(number)
  if (!isNumber(at) || !isNumber(width) || width < 1 || (after !== undefined && !isAfter))
    throw new BridgeError('OB_SOURCE', 'source_error: cannot go on with a slice: its cursor is none of this source')
  return { at, width, ...(isNumber(to) ? { to } : {}), ...(isAfter ? { after: [place, trace, span, number] as const } : {}) }
}

const compare = (a: ApiSpan, b: ApiSpan): number =>
  a.place - b.place ||
  (a.trace < b.trace ? -1 : a.trace > b.trace ? 1 : 0) ||
  (a.span < b.span ? -1 : a.span > b.span ? 1 : 0) ||
  Buffer.compare(a.bytes, b.bytes)

/** Index of the first span behind a position. */
function behind(spans: readonly ApiSpan[], after: Position['after']): number {
  if (after === undefined) return 0
  const [place, trace, span, number] = after
  let alike = 0
  return spans.filter((one) => {
    if (one.place !== place) return one.place < place
    if (one.trace !== trace) return one.trace < trace
    if (one.span !== span) return one.span < span
    return alike++ <= number
  }).length
}

const numberAmongAlike = (spans: readonly ApiSpan[], at: number): number => {
  const one = spans[at] as ApiSpan
  let first = at
  for (let before = spans[at - 1]; before !== undefined; before = spans[first - 1]) {
    if (before.place !== one.place || before.trace !== one.trace || before.span !== one.span) break
    first--
  }
  return at - first
}

/** The next width: towards what was aimed at, by a factor of four at the most. */
function nextWidth(width: number, { traces, bytes }: WindowAnswer<ApiSpan>, aim: number, widest: number): number {
  const factor = Math.min(aim / Math.max(1, traces), aimBytes / Math.max(1, bytes))
  return Math.max(1, Math.min(widest, Math.round(width * Math.max(0.25, Math.min(4, factor)))))
}

/** Reads `[fromMs, toMs)`, both whole milliseconds. */
export function createWindowReader<Span extends ApiSpan>(options: WindowReaderOptions<Span>): SliceReader {
  const { fromMs, toMs, page, aim } = options
  let position = positionOf(options.cursor, fromMs, toMs)
  let window: { readonly to: number; readonly spans: readonly Span[]; readonly answer: WindowAnswer<Span> } | undefined
  let next = 0

  const fill = async (abort: AbortSignal): Promise<NonNullable<typeof window>> => {
    for (;;) {
      if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
      const { at } = position
      const to = Math.min(position.to ?? at + position.width, toMs)
      const answer = await options.ask(at, to, abort)
      if (answer !== 'full') {
        const spans = answer.spans.sort(compare)
        next = behind(spans, position.after)
        window = { to, spans, answer }
        return window
      }
      if (to - at <= 1) throw new Error('BUG: one millisecond is full')
      const { after } = position
      position = { at, width: Math.ceil((to - at) / 2), ...(after === undefined ? {} : { after }) }
    }
  }

  const take = (spans: readonly Span[]): readonly Span[] => {
    let bytes = 0
    let end = next
    while (end < spans.length && end - next < page.items) {
      bytes += (spans[end] as Span).bytes.length
      if (bytes > page.bytes && end > next) break
      end++
    }
    return spans.slice(next, end)
  }

  return {
    async next(abort) {
      if (position.at >= toMs) return undefined
      for (;;) {
        const { to, spans, answer } = window ?? (await fill(abort))
        const first = next === 0
        const taken = take(spans)
        next += taken.length
        const isOver = next >= spans.length
        const end = spans[next - 1]
        if (isOver) {
          const width = to - position.at
          position = { at: to, width: nextWidth(width, answer, aim, toMs - fromMs) }
          window = undefined
        } else if (end !== undefined) {
          position = { ...position, to, after: [end.place, end.trace, end.span, numberAmongAlike(spans, next - 1)] }
        }
        const last = isOver && to >= toMs
        if (taken.length === 0 && !last) continue
        const notes = first ? { ...answer.notes, ...(answer.others > 0 ? { other_window: answer.others } : {}) } : {}
        const cursor = { ...position }
        return { cursor, last, translate: () => options.translate(taken, notes) } satisfies Page
      }
    },
    async rest() {
      window = undefined
    },
    async close() {
      window = undefined
    },
  }
}
