/** Rows of a table as a page: each was put into the form of a payload when it was read, and all go through one translator. */

import { BridgeError } from '../../errors.ts'
import type { BodyTranslator } from '../../ingest/adapter.ts'
import { createIdentitySum } from '../identity.ts'
import type { TranslatedPage } from '../model.ts'
import type { SourceDeps } from '../source.ts'
import { createPageBuilder, droppedIndexes, type PageBuilder, refusalOf } from './payload-page.ts'

/** A row, put into the payload's form. */
export interface RowItem {
  /** Empty where it is left out. */
  readonly payload: Uint8Array
  /** Why it is left out; empty: it is not. */
  readonly skip: string
  /** Set where that is a fault worth a line. */
  readonly message: string
  /** What is kept of such a one. */
  readonly raw?: Uint8Array | undefined
  /** `trace/span` */
  readonly where: string
  /** Its time; NaN: it has none. */
  readonly ms: number
  /** When it is taken to have been received: for spans that say no time; 0 for all others. */
  readonly receivedMs: number
  /** The bytes of its keys. */
  readonly identity: Uint8Array
}

/** Throws OB_CONFIG where `--query` was given: tables have no filter that would be quicker than reading them. */
export function refuseQuery({ filter }: Pick<SourceDeps, 'filter'>, kind: string): void {
  if (filter.query === undefined) return
  throw new BridgeError('OB_CONFIG', `cannot use --query: ${kind} has no filter of its own; --since, --until and --service narrow it`, {
    place: 'query',
  })
}

/** How payloads of rows become a body, and that OTLP. */
export interface RowPayload {
  readonly translate: BodyTranslator
  join(payloads: readonly Uint8Array[]): Uint8Array
}

/** Translates items that are taken to have been received at one moment; where that cannot be done at once, in halves, until the fault stands alone. */
function translateItems(
  items: readonly RowItem[],
  receivedMs: number,
  form: RowPayload,
  builder: PageBuilder,
  take: (item: RowItem) => void,
): void {
  if (items.length === 0) return
  let body: ReturnType<BodyTranslator>
  try {
    body = form.translate(form.join(items.map(({ payload }) => payload)), receivedMs)
  } catch (error) {
    const { reason, message } = refusalOf(error)
    const [only] = items
    if (items.length === 1 && only !== undefined) {
      builder.skip(reason, 1, { where: only.where, message, raw: only.payload })
      return
    }
    const half = items.length >> 1
    translateItems(items.slice(0, half), receivedMs, form, builder, take)
    translateItems(items.slice(half), receivedMs, form, builder, take)
    return
  }
  const dropped = droppedIndexes(body)
  builder.body('traces', body, (index) => items[index]?.where ?? '')
  items.forEach((item, index) => {
    if (!dropped.has(index)) take(item)
  })
}

/** Items as a page. */
export function translateRows(items: readonly RowItem[], form: RowPayload): TranslatedPage {
  const builder = createPageBuilder()
  const sum = createIdentitySum()
  const chosen = new Map<number, RowItem[]>([[0, []]])
  builder.read = items.length
  for (const item of items) {
    if (item.skip !== '') {
      const isFault = item.message !== ''
      builder.skip(item.skip, 1, isFault ? { where: item.where, message: item.message, raw: item.raw } : undefined)
      continue
    }
    builder.bytes += item.payload.length
    if (!Number.isNaN(item.ms)) builder.time(item.ms)
    const list = chosen.get(item.receivedMs)
    if (list === undefined) chosen.set(item.receivedMs, [item])
    else list.push(item)
  }
  for (const [receivedMs, list] of chosen)
    translateItems(list, receivedMs, form, builder, (item) => {
      sum.bytes(item.identity)
      sum.item()
    })
  return builder.page(sum.value())
}
