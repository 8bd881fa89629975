/** Leaves out of what goes to the new side what is not within its share, on its way from the books to the queue. The old side's bytes are not touched. */

import type { ServiceCount } from '../otlp/batch.ts'
import { type ChunkPool, ownsChunk } from '../otlp/encode/chunks.ts'
import type { EncodedBatch, Holding, Intake } from '../otlp/intake.ts'
import { type Keeps, portionOf } from '../otlp/portion.ts'
import { createShare } from './decide.ts'
import type { Cutover } from './model.ts'

/** How an endpoint is divided, beside how much: `mirror.<endpoint>.share`. */
export interface ShareMeans {
  readonly traces: 'mixed' | 'raw'
  readonly metrics: 'target' | 'family'
}

export interface ShareDeps {
  readonly cutover: Pick<Cutover, 'of'>
  readonly means: (endpoint: string) => ShareMeans | undefined
  /** Told of what was left out, when the queue has the rest. */
  readonly skipped: (batch: EncodedBatch, keys: readonly ServiceCount[] | undefined, items: number) => void
  /** The account of a batch that has become smaller, where the books gave it one. */
  readonly narrowed?: ((batch: EncodedBatch, account: Uint8Array, keys: readonly ServiceCount[]) => Uint8Array) | undefined
  readonly chunks?: ChunkPool | undefined
}

const nothing = new Uint8Array(0)

/** Deals `items` out to the keys of a batch in proportion, by largest remainder: exact in sum. */
export function scaleKeys(keys: readonly ServiceCount[], items: number): readonly ServiceCount[] {
  let total = 0
  for (const key of keys) total += key.items
  if (total === 0) return keys
  const exact = keys.map((key) => (key.items * items) / total)
  const dealt = exact.map(Math.floor)
  let left = items - dealt.reduce((sum, one) => sum + one, 0)
  const byRemainder = exact.map((one, at) => [one - (dealt[at] as number), at] as const).toSorted((a, b) => b[0] - a[0])
  for (const [, at] of byRemainder) if (left-- > 0) dealt[at] = (dealt[at] as number) + 1
  return keys.map(({ service }, at) => ({ service, items: dealt[at] as number }))
}

const lessOf = (all: readonly ServiceCount[], some: readonly ServiceCount[]): readonly ServiceCount[] =>
  all.map(({ service, items }, at) => ({ service, items: items - (some[at]?.items ?? 0) }))

/** @param inner what takes the rest: the queue. The books stand before it: they count what came in, and are told what was left out. */
export function createShareIntake(inner: Intake, deps: ShareDeps): Intake {
  const keeps = new Map<string, { readonly share: number; readonly keeps: Keeps }>()

  /** Undefined: all of it stays. */
  const keepsOf = (endpoint: string | undefined): Keeps | undefined => {
    if (endpoint === undefined) return undefined
    const state = deps.cutover.of(endpoint)
    if (state === undefined || state.share.new >= 1) return undefined
    const known = keeps.get(endpoint)
    if (known?.share === state.share.new) return known.keeps
    const { traces = 'mixed', metrics = 'target' } = deps.means(endpoint) ?? {}
    const made: Keeps = { ...createShare(state.share.new, traces), metrics }
    keeps.set(endpoint, { share: state.share.new, keeps: made })
    return made
  }

  /** What of a batch goes on, and what is to be told once it has. */
  const divide = (batch: EncodedBatch): readonly [batch: EncodedBatch, told: () => void] => {
    const kept = batch.items === 0 ? undefined : keepsOf(batch.endpoint)
    if (kept === undefined) return [batch, () => {}]
    const { data, items, skipped } = portionOf(batch.signal, batch.data, kept)
    if (skipped === 0) return [batch, () => {}]
    const keys = batch.keys === undefined ? undefined : scaleKeys(batch.keys, items)
    const left = batch.keys === undefined || keys === undefined ? undefined : lessOf(batch.keys, keys)
    const account =
      batch.account === undefined || keys === undefined ? batch.account : (deps.narrowed?.(batch, batch.account, keys) ?? batch.account)
    const rest: EncodedBatch = { ...batch, data: items === 0 ? nothing : data, items, keys, account }
    const told = (): void => {
      // Not before: what the queue did not take may be tried again.
      if (ownsChunk(batch.data)) deps.chunks?.give(batch.data.buffer)
      deps.skipped(batch, left, skipped)
    }
    return [rest, told]
  }

  const holdingOf = (holding: Holding): Holding => ({
    ...holding,
    async put(batch, keep) {
      if (batch === undefined) return holding.put(batch, keep)
      const [rest, told] = divide(batch)
      const id = await holding.put(rest, keep)
      told()
      return id
    },
  })

  return {
    async put(batch) {
      const [rest, told] = divide(batch)
      if (rest.items > 0 || rest.envelope !== undefined || batch === rest) await inner.put(rest)
      told()
    },
    stage() {
      const staging = inner.stage()
      const after: (() => void)[] = []
      return {
        async add(batch) {
          const [rest, told] = divide(batch)
          if (rest.items > 0 || rest.envelope !== undefined || batch === rest) await staging.add(rest)
          if (rest !== batch) after.push(told)
        },
        async commit() {
          await staging.commit()
          for (const told of after) told()
        },
        discard: () => staging.discard(),
      }
    },
    refusal: (mirror) => inner.refusal(mirror),
    holding(name, options) {
      const holding = inner.holding?.(name, options)
      return holding === undefined ? undefined : holdingOf(holding)
    },
  }
}
