/** A source for tests: numbers, cut into slices and pages in a fixed way, with the faults that a test asks for. */

import { createIdentitySum, sliceId } from '../../../src/backfill/identity.ts'
import type { NewSlice } from '../../../src/backfill/ledger-protocol.ts'
import type { Json, Page, PageRequest, SliceSpec, SourceFault, TranslatedPage } from '../../../src/backfill/model.ts'
import type { SliceReader, Source } from '../../../src/backfill/source.ts'
import { BridgeError } from '../../../src/errors.ts'

export interface NumbersOptions {
  readonly slices: number
  readonly perSlice: number
  readonly perPage: number
  /** Numbers that are no items: 0 none, 5 every fifth. */
  readonly skipEvery?: number
  readonly skipReason?: string
  /** Called before each read; what it throws is thrown. Waits when it waits. */
  readonly onRead?: (slice: number, from: number, abort: AbortSignal) => Promise<void> | void
  /** Time between two items, ms; slices follow each other. */
  readonly stepMs?: number
  /** The last page does not say so. */
  readonly silentEnd?: boolean
  /** What is read instead of a number: a source that has changed. */
  readonly alter?: (number: number) => number
}

export interface NumbersSource extends Source {
  readonly specs: readonly NewSlice[]
  /** Readers that are open, and rests. */
  readonly open_: { open: number; rests: number; reads: number }
}

const identity = { kind: 'numbers', identity: 'test' }

export const numbersIn = (data: Uint8Array): number[] => {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  return Array.from({ length: data.length / 4 }, (_, at) => view.getUint32(at * 4, true))
}

const encode = (numbers: readonly number[]): PageRequest => {
  const data = new Uint8Array(numbers.length * 4)
  const view = new DataView(data.buffer)
  for (const [at, one] of numbers.entries()) view.setUint32(at * 4, one, true)
  return { signal: 'traces', items: numbers.length, data }
}

/** Item `i` of slice `s` is the number `s * perSlice + i`, at the time `number * stepMs`. The cursor is the next item. */
export function numbersSource(options: NumbersOptions): NumbersSource {
  const { slices, perSlice, perPage, skipEvery = 0, skipReason = 'not_a_span', stepMs = 1000, alter = (one) => one } = options
  const open_ = { open: 0, rests: 0, reads: 0 }
  const specs = Array.from({ length: slices }, (_, at): NewSlice => {
    const spec: SliceSpec = {
      key: { slice: at },
      group: `g${at}`,
      fromMs: at * perSlice * stepMs,
      toMs: (at + 1) * perSlice * stepMs,
      items: perSlice,
      bytes: perSlice * 4,
    }
    return { id: sliceId(identity, spec.key, 1), spec }
  })

  const translate = (from: number, numbers: readonly number[]): TranslatedPage => {
    const sum = createIdentitySum()
    const faults: SourceFault[] = []
    const taken: number[] = []
    for (const number of numbers) {
      if (skipEvery > 0 && number % skipEvery === 0) {
        faults.push({ reason: skipReason, where: `number ${number}`, message: 'is left out', raw: Buffer.from(String(number)) })
        continue
      }
      const item = alter(number)
      taken.push(item)
      sum.number(item)
      sum.item()
    }
    const half = Math.ceil(taken.length / 2)
    return {
      read: numbers.length,
      bytes: numbers.length * 4,
      skipped: faults.length === 0 ? {} : { [skipReason]: faults.length },
      faults,
      translated: taken.length,
      requests: [taken.slice(0, half), taken.slice(half)].filter((one) => one.length > 0).map(encode),
      sum: sum.value(),
      minMs: from * stepMs,
      maxMs: (from + numbers.length - 1) * stepMs,
    }
  }

  const open = (spec: SliceSpec, cursor: Json | undefined): SliceReader => {
    const slice = Number(spec.key['slice'])
    let at = typeof cursor === 'number' ? cursor : 0
    open_.open++
    return {
      async next(abort): Promise<Page | undefined> {
        open_.reads++
        const from = slice * perSlice + at
        await options.onRead?.(slice, at, abort)
        if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read: stopping')
        const count = Math.min(perPage, perSlice - at)
        if (count <= 0) return undefined
        const numbers = Array.from({ length: count }, (_, i) => from + i)
        at += count
        return { cursor: at, last: at >= perSlice && options.silentEnd !== true, translate: () => translate(from, numbers) }
      },
      async rest() {
        open_.rests++
      },
      async close() {
        open_.open--
      },
    }
  }

  return {
    ...identity,
    name: 'numbers',
    unit: 'number',
    approximate: undefined,
    isLocal: true,
    specs,
    open_,
    async plan() {
      return { groups: [], slices: specs.map(({ spec }) => spec), notes: [] }
    },
    open,
    async count() {
      return { items: perSlice, sum: undefined }
    },
    async close() {},
  }
}
