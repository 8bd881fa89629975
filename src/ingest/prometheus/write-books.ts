/** The books of samples: each that is received is sent, held, consumed, dropped or refused, once. */

import type { Cell } from '../../telemetry/metrics.ts'
import type { Emission } from '../../translate/prometheus/assembler.ts'
import type { WaitsFor } from '../../translate/prometheus/waits.ts'
import type { AdapterDeps } from '../adapter.ts'
import { createItemBooks } from '../receive.ts'
import type { WaitingColumns } from './waiting-room.ts'
import type { WriteBody } from './write-body.ts'

/** Label of the books of everything that comes by remote-write. */
export const formatName = 'prometheus'

export interface WriteBooks {
  /** A request, as if the queue took it. */
  request(body: WriteBody): void
  /** What has waited and is looked at: as a request, but whoever sent it was told that all of it was written. */
  waited(body: WriteBody): void
  /** Groups on their way out, or back: as many points as there are were sent, and count where batches do. */
  emission(emission: Emission, sign: 1 | -1): void
  /** Points that are in the queue now. */
  translated(points: number): void
  refused(reason: string, samples: number): void
  dropped(reason: string, samples: number): void
  /** Samples that wait now, or do no longer. */
  waits(where: WaitsFor, samples: number): void
  columns(columns: Pick<WaitingColumns, 'samples'>, sign: 1 | -1): void
  /** Samples that an earlier run held; those that an endpoint before this one in the same process left are in the books already. */
  recovered(samples: number): void
  /** Samples that are held here and cannot be sent any more. */
  lost(reason: string): void
  /** Samples that are held here. */
  readonly held: number
}

export function createWriteBooks(deps: Pick<AdapterDeps, 'intake' | 'metrics' | 'log' | 'nowMs'>): WriteBooks {
  const items = createItemBooks(formatName, deps, 'refused', 'metrics')
  const { books } = items
  const assembler = books.held('assembler')
  const cells: Readonly<Record<WaitsFor, Cell>> = { metadata: books.held('metadata'), target_info: books.held('target_info') }
  const waiting = { metadata: 0, target_info: 0 }
  let assembling = 0
  const left = [assembler, cells.metadata, cells.target_info].map((cell) => ({ cell, samples: cell.value }))

  const assemble = (samples: number): void => {
    assembling += samples
    assembler.value += samples
  }

  const waits: WriteBooks['waits'] = (where, samples) => {
    waiting[where] += samples
    cells[where].value += samples
  }

  const columns: WriteBooks['columns'] = ({ samples }, sign) => {
    waits('metadata', sign * samples.metadata)
    waits('target_info', sign * samples.target_info)
  }

  const emission: WriteBooks['emission'] = ({ samples, points, incomplete, late, shadowed, stale }, sign) => {
    assemble(-sign * samples)
    const merged = samples - points - incomplete - late - shadowed - stale
    // Below 0 where members of a group that is corrected go one by one: some of them were used up before.
    if (merged !== 0) items.consumed('assembled').value += sign * merged
    if (late > 0) items.consumed('late').value += sign * late
    if (shadowed > 0) items.consumed('shadowed').value += sign * shadowed
    if (stale > 0) items.consumed('stale').value += sign * stale
    if (incomplete > 0) books.dropped('histogram_incomplete').value += sign * incomplete
  }

  const both = (body: WriteBody): void => {
    for (const [reason, count] of body.consumed) items.consumed(reason).value += count
    for (const [reason, count] of body.dropped) books.dropped(reason).value += count
    items.notes(body.notes)
    assemble(body.held)
    if (body.emission !== undefined) emission(body.emission, 1)
  }

  return {
    request(body) {
      books.received.value += body.received
      for (const { reason, count } of body.receipt.reasons) items.lost(reason).value += count
      if (body.waiting !== undefined) columns(body.waiting.waiting, 1)
      both(body)
    },
    waited(body) {
      for (const { reason, count } of body.receipt.reasons) books.dropped(reason).value += count
      if (body.full > 0) books.dropped('assembler_full').value += body.full
      both(body)
    },
    emission,
    translated: (points) => void (books.translated.value += points),
    refused: (reason, samples) => void (items.lost(reason).value += samples),
    dropped: (reason, samples) => void (books.dropped(reason).value += samples),
    waits,
    columns,
    recovered(samples) {
      let unknown = samples
      for (const one of left) {
        const known = Math.min(one.samples, unknown)
        one.samples -= known
        one.cell.value -= known
        unknown -= known
      }
      books.recovered.value += unknown
    },
    lost(reason) {
      books.dropped(reason).value += assembling + waiting.metadata + waiting.target_info
      assemble(-assembling)
      columns({ samples: { ...waiting } }, -1)
    },
    get held() {
      return assembling + waiting.metadata + waiting.target_info
    },
  }
}
