/** From a page and what became of it to what the ledger adds; the laws that hold for one page are checked here. */

import { BridgeError } from '../errors.ts'
import { addCounts, imbalance, noCounts, sumReasons } from './counts.ts'
import type { Counts, DeadItem, PageAck } from './ledger.ts'
import { harmlessSkips } from './losses.ts'
import type { Page, Reasons, TranslatedPage } from './model.ts'
import type { Delivered } from './sink.ts'

/** A page that can be sent. */
export interface ReadyPage {
  readonly page: Page
  readonly translated: TranslatedPage
  /** OTLP items of its requests, and their bytes. */
  readonly produced: number
  readonly bytesOut: number
  readonly readMs: number
  readonly translateMs: number
}

/** Counts of a page before it is sent. Throws OB_INTERNAL when the source's counts contradict each other. */
export function checkPage(page: Page, translated: TranslatedPage, readMs: number, translateMs: number): ReadyPage {
  const skipped = sumReasons(translated.skipped)
  if (translated.read !== translated.translated + skipped) {
    const { read, translated: taken } = translated
    throw new BridgeError('OB_INTERNAL', `BUG: a page has ${read} items, but ${taken} were translated and ${skipped} skipped`)
  }
  let produced = 0
  let bytesOut = 0
  for (const request of translated.requests) {
    produced += request.items
    bytesOut += request.data.length
  }
  return { page, translated, produced, bytesOut, readMs, translateMs }
}

/** Faults of losses are kept, of harmless ones the first twenty of a slice. */
const mostHarmless = 20

/** Makes acknowledgements for one slice. */
export function createAcks(): {
  ack(ready: ReadyPage, number: number, delivered: Delivered | undefined, sendMs: number, notes: Reasons): PageAck
} {
  let harmless = 0

  const faultsOf = ({ faults }: TranslatedPage, page: number): DeadItem[] => {
    const kept: DeadItem[] = []
    for (const [ordinal, { reason, where, message, raw }] of faults.entries()) {
      const loses = !harmlessSkips.has(reason)
      if (!loses && ++harmless > mostHarmless) continue
      kept.push({ page, ordinal, reason, where, message, signal: undefined, items: 1, raw: loses ? raw : undefined })
    }
    return kept
  }

  return {
    ack(ready, page, delivered, sendMs, notes) {
      const { translated, produced } = ready
      const faults = faultsOf(translated, page)
      const requests = (delivered?.dead ?? []).map(
        ({ reason, message, signal, items, data }, at): DeadItem => ({
          page,
          ordinal: faults.length + at,
          reason,
          where: '',
          message,
          signal,
          items,
          raw: data,
        }),
      )
      const dead = new Map<string, number>()
      for (const { reason, items } of requests) dead.set(reason, (dead.get(reason) ?? 0) + items)
      const acked = delivered?.acked ?? 0
      const counts: Counts = {
        read: translated.read,
        translated: translated.translated,
        skipped: translated.skipped,
        produced,
        acked,
        rejected: delivered?.rejected ?? {},
        dead: Object.fromEntries(dead),
        resent: 0,
        ambiguous: delivered?.ambiguous ?? 0,
        bytesIn: translated.bytes,
        bytesOut: delivered?.bytesOut ?? 0,
        notes,
        srcSum: translated.sum,
        // Of a page with losses nobody knows whose: its sum is left out.
        ackSum: acked === produced ? translated.sum : 0n,
        minMs: translated.minMs,
        maxMs: translated.maxMs,
        readMs: ready.readMs,
        translateMs: ready.translateMs,
        sendMs,
      }
      const wrong = imbalance(counts)
      if (wrong !== undefined) throw new BridgeError('OB_INTERNAL', `BUG: the answer for page ${page} does not add up: ${wrong}`)
      return { page, cursor: ready.page.cursor, counts, dead: [...faults, ...requests] }
    },
  }
}

/** One after the other as one. */
export function joinAcks(a: PageAck | undefined, b: PageAck): PageAck {
  if (a === undefined) return b
  return {
    page: b.page,
    cursor: b.cursor,
    counts: addCounts(a.counts, b.counts),
    dead: a.dead.length === 0 ? b.dead : [...a.dead, ...b.dead],
  }
}

/** Of no page: to let go of an intent whose page is not there any more. */
export function emptyAck(page: number, cursor: PageAck['cursor'], notes: Reasons): PageAck {
  return { page, cursor, counts: { ...noCounts, notes }, dead: [] }
}
