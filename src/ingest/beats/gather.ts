/** Events of a window become encoded batches, a piece at a time, so that the memory of a window is about what it is worth on its way out. */

import { performance } from 'node:perf_hooks'
import type { ServiceCount } from '../../otlp/batch.ts'
import type { Client, EncodedBatch, Signal } from '../../otlp/intake.ts'
import type { AdapterDeps } from '../adapter.ts'
import { joinParts } from '../coalesce.ts'
import { type DocumentBatcher, DocumentFate, type DocumentIds, type DocumentMeta, type DocumentPart } from '../documents.ts'
import { batchOf, type createItemBooks } from '../receive.ts'
import type { BeatsCounters } from './counters.ts'
import type { Piece } from './piece.ts'

/** Format label of everything that comes in here. */
export const format = 'beats'

/** Bytes of events that are translated at once: some 7 ms. */
export const pieceBytes = 1024 * 1024

/** Bytes of batches that parts are joined to. */
const batchBytes = 4 * 1024 * 1024

/** What a window has become so far. */
export interface Gathered {
  readonly parts: DocumentPart[]
  /** Bytes of `parts`. */
  bytes: number
  /** Events left out on purpose, by reason: `duplicate`. */
  readonly discarded: Map<string, number>
}

export const createGathered = (): Gathered => ({ parts: [], bytes: 0, discarded: new Map() })

/** All that is known of an event stands in itself: the batcher looks at its `@metadata`. */
const meta: DocumentMeta = { index: undefined, id: '', pipeline: '' }

/** Attribute of events that could not be read, with why. */
const parseError = 'beats.parse_error'

export interface Gatherer {
  /** Translates the documents of a piece, clears it, and adds what became of them. Never throws for what is in them. @param ids those of its window @param show told what came of it, while the piece is still there */
  translate(piece: Piece, into: Gathered, ids: DocumentIds, show?: (parts: readonly DocumentPart[]) => void): void
}

export interface GathererDeps extends Pick<AdapterDeps, 'metrics' | 'log'> {
  readonly batcher: DocumentBatcher
  readonly counters: BeatsCounters
  readonly books: ReturnType<typeof createItemBooks>
}

/** Creates the gatherer of a listener, whose connections take turns. */
export function createGatherer({ batcher, counters, books, metrics, log }: GathererDeps): Gatherer {
  const seconds = metrics.histogram('otlp_bridge_stage_seconds', { stage: 'translate', format })

  const keep = (piece: Piece, at: number, why: string): void => {
    batcher.addRaw(piece.bareStart(at), piece.ends[at] as number, meta, parseError, why)
    counters.parseKept.value++
  }

  const add = (piece: Piece, at: number, into: Gathered): void => {
    const fate = batcher.add(piece.starts[at] as number, piece.ends[at] as number, meta)
    if (fate < DocumentFate.Discarded) return
    if (fate === DocumentFate.Discarded) into.discarded.set(batcher.reason, (into.discarded.get(batcher.reason) ?? 0) + 1)
    else keep(piece, at, batcher.message)
  }

  const addAll = (piece: Piece, into: Gathered): readonly DocumentPart[] => {
    batcher.open(piece.bytes.subarray(0, piece.length))
    for (let at = 0; at < piece.documents; at++) add(piece, at, into)
    books.notes(batcher.notes())
    return batcher.take()
  }

  const keepAll = (piece: Piece): readonly DocumentPart[] => {
    batcher.clear()
    batcher.open(piece.bytes.subarray(0, piece.length))
    for (let at = 0; at < piece.documents; at++) keep(piece, at, 'a fault of the bridge')
    return batcher.take()
  }

  const partsOf = (piece: Piece, into: Gathered): readonly DocumentPart[] => {
    const discarded = new Map(into.discarded)
    try {
      return addAll(piece, into)
    } catch (error) {
      // It must not fail the window: that would come again for ever.
      log.error({ format, error }, 'a translator failed on events; they are kept as text')
      into.discarded.clear()
      for (const [reason, count] of discarded) into.discarded.set(reason, count)
      return keepAll(piece)
    }
  }

  return {
    translate(piece, into, ids, show) {
      if (piece.documents === 0) return
      const startedAt = performance.now()
      batcher.remember(ids)
      try {
        const parts = partsOf(piece, into)
        show?.(parts)
        for (const part of parts) {
          into.parts.push(part)
          into.bytes += part.data.length
        }
      } catch (error) {
        batcher.clear()
        throw error
      } finally {
        batcher.remember(undefined)
        piece.clear()
      }
      seconds.observe((performance.now() - startedAt) / 1000)
    },
  }
}

/** What is said of the batches of a window. */
export interface About {
  readonly client?: Client | undefined
  /** Whose events they are when they name no index: the Beat. */
  readonly beat?: string | undefined
}

/** Items by index, over all parts; those without one go by the name of the Beat. */
function keysOf(items: number, indices: Map<string, number>, beat: string | undefined): readonly ServiceCount[] {
  let known = 0
  const keys: ServiceCount[] = []
  for (const [service, count] of indices) {
    known += count
    keys.push({ service, items: count })
  }
  if (known < items && beat !== undefined && beat !== '') keys.push({ service: beat, items: items - known })
  return keys
}

/** The parts as few batches, each of one signal, in order; their memory passes over to them. */
export function toBatches(parts: readonly DocumentPart[], chunks: AdapterDeps['chunks'], about: About = {}): EncodedBatch[] {
  const batches: EncodedBatch[] = []
  for (const signal of ['traces', 'metrics', 'logs'] satisfies Signal[]) {
    let datas: Uint8Array[] = []
    let indices = new Map<string, number>()
    let items = 0
    let bytes = 0
    const close = (): void => {
      if (datas.length > 0) {
        const batch = batchOf(format, items, joinParts(datas, bytes, chunks), signal)
        batches.push({ ...batch, endpoint: 'beats', keys: keysOf(items, indices, about.beat), client: about.client })
      }
      indices = new Map()
      datas = []
      items = bytes = 0
    }
    for (const part of parts) {
      if (part.signal !== signal) continue
      if (bytes + part.data.length > batchBytes) close()
      datas.push(part.data)
      items += part.items
      for (const { service, items: some } of part.indices ?? []) indices.set(service, (indices.get(service) ?? 0) + some)
      bytes += part.data.length
    }
    close()
  }
  return batches
}
