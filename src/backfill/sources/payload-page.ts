/** A page whose items went through a translator of bodies: what was read, what of it is OTLP now, what was left out. */

import { isBridgeError } from '../../errors.ts'
import type { TranslatedBody } from '../../ingest/adapter.ts'
import { freeMessage } from '../../otlp/encode/chunks.ts'
import type { Signal } from '../../otlp/intake.ts'
import type { PageRequest, SourceFault, TranslatedPage } from '../model.ts'
import type { SliceCount, SliceReader } from '../source.ts'

/** The first of a reason are told of. */
const mostFaults = 20

/** Gathers what becomes of a page. All counts are of items of the source, but those in {@link PageRequest}. */
export interface PageBuilder {
  read: number
  bytes: number
  /** Adds a request; those of one signal become one. @param owned its memory is nobody else's */
  request(signal: Signal, items: number, data: Uint8Array, owned?: boolean): void
  skip(
    reason: string,
    count: number,
    fault?: { readonly where: string; readonly message: string; readonly raw?: Uint8Array | undefined },
  ): void
  note(reason: string, count: number): void
  /** Adds what a body of the page became: its requests, drops and notes. @param where of a drop, by its place in the body; -1: not known */
  body(signal: Signal, body: TranslatedBody, where: (index: number) => string): void
  /** Widens the range of times. */
  time(ms: number): void
  page(sum: bigint): TranslatedPage
}

/** Reasons for which a document is left out on purpose: its translator only notes them. */
const discarded: ReadonlySet<string> = new Set([
  'system_index',
  'apm_docs',
  'metrics_docs',
  'duplicate',
  'duplicate_id',
  'not_translatable',
  'document_of_another_index',
])

/** Creates one for a page. */
export function createPageBuilder(): PageBuilder {
  const requests = new Map<Signal, { items: number; owned: boolean; readonly parts: Uint8Array[] }>()
  const skipped: Record<string, number> = {}
  const notes: Record<string, number> = {}
  const faults: SourceFault[] = []
  const faultsOf = new Map<string, number>()
  let minMs: number | undefined
  let maxMs: number | undefined

  const builder: PageBuilder = {
    read: 0,
    bytes: 0,
    request(signal, items, data, owned = false) {
      if (items === 0) return
      const found = requests.get(signal)
      if (found === undefined) requests.set(signal, { items, owned, parts: [data] })
      else {
        found.items += items
        found.owned &&= owned
        found.parts.push(data)
      }
    },
    skip(reason, count, fault) {
      skipped[reason] = (skipped[reason] ?? 0) + count
      const before = faultsOf.get(reason) ?? 0
      if (fault === undefined || before >= mostFaults) return
      faultsOf.set(reason, before + 1)
      // A copy: what it lies in is given back, or written over, when the page is translated.
      faults.push({ reason, ...fault, raw: fault.raw === undefined ? undefined : Buffer.from(fault.raw.subarray(0, 64 * 1024)) })
    },
    note(reason, count) {
      notes[reason] = (notes[reason] ?? 0) + count
    },
    body(signal, body, where) {
      builder.request(signal, body.items, body.data)
      for (const { signal: other, items, data } of body.others ?? []) builder.request(other, items, data)
      for (const { reason, count, example, indexes } of body.drops)
        builder.skip(reason, count, { where: where(indexes[0] ?? -1), message: example })
      for (const { reason, count } of body.notes) {
        if (discarded.has(reason)) builder.skip(reason, count)
        else builder.note(reason, count)
      }
    },
    time(ms) {
      if (minMs === undefined || ms < minMs) minMs = ms
      if (maxMs === undefined || ms > maxMs) maxMs = ms
    },
    page(sum) {
      const left = Object.values(skipped).reduce((all, one) => all + one, 0)
      const made: PageRequest[] = [...requests].map(([signal, { items, owned, parts }]) => {
        if (parts.length === 1) return { signal, items, data: parts[0] as Uint8Array, owned }
        // Two requests one after the other are one.
        const data = Buffer.concat(parts)
        if (owned) for (const part of parts) freeMessage(part)
        return { signal, items, data, owned: true }
      })
      return {
        read: builder.read,
        bytes: builder.bytes,
        skipped,
        faults,
        translated: builder.read - left,
        requests: made,
        sum,
        minMs,
        maxMs,
        ...(Object.keys(notes).length === 0 ? {} : { notes }),
      }
    },
  }
  return builder
}

/** Why a body could not be translated: a small word, and a sentence. Throws on what is a fault of ours. */
export function refusalOf(error: unknown): { readonly reason: string; readonly message: string } {
  if (!isBridgeError(error) || !/^OB_(DECODE|LIMIT)_/.test(error.code)) throw error
  const reason = error.code.startsWith('OB_LIMIT') ? 'too_large' : error.code === 'OB_DECODE_JSON' ? 'not_json' : 'undecodable'
  return { reason, message: error.message }
}

/** Places of a body's items that were left out. */
export function droppedIndexes({ drops }: TranslatedBody): ReadonlySet<number> {
  const all = new Set<number>()
  for (const { indexes } of drops) for (const index of indexes) all.add(index)
  return all
}

/** Counts a slice by reading it to its end: what sources without a cheaper way do. */
export async function countByReading(reader: SliceReader, abort: AbortSignal): Promise<SliceCount> {
  let items = 0
  let sum = 0n
  try {
    for (;;) {
      const page = await reader.next(abort)
      if (page === undefined) break
      const translated = page.translate()
      items += translated.read
      sum = (sum + translated.sum) & ((1n << 128n) - 1n)
      if (page.last) break
    }
  } finally {
    await reader.close()
  }
  return { items, sum }
}
