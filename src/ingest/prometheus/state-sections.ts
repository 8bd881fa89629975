/** What of the state of remote-write outlives a restart, and in which form. */

import { type SavedLayouts, savedFamilyWords } from '../../translate/prometheus/assembler.ts'
import type { Seed } from '../../translate/prometheus/hash.ts'
import type { Label } from '../../translate/prometheus/series-labels.ts'
import type { PrometheusState } from '../../translate/prometheus/state.ts'
import { loadRows, saveRows, seedOfRows } from '../../translate/prometheus/streams-form.ts'
import type { TargetRow, Targets } from '../../translate/prometheus/targets.ts'
import type { StateSection } from './state-files.ts'
import { loadLines, saveLines } from './state-lines.ts'

const damaged = (what: string, lines: number): void => {
  if (lines > 0) throw new Error(`${lines} lines of ${what} cannot be read`)
}

const isLabel = (value: unknown): value is Label =>
  Array.isArray(value) && value.length === 2 && typeof value[0] === 'string' && typeof value[1] === 'string'

function targetOf(value: unknown): TargetRow {
  const { key, attributes, seenMs } = value as Partial<Record<keyof TargetRow, unknown>>
  if (typeof key !== 'string' || typeof seenMs !== 'number' || !Array.isArray(attributes) || !attributes.every(isLabel)) {
    throw new Error('not a target')
  }
  return { key, attributes, seenMs }
}

const targetsSection = (name: string, targets: Targets): StateSection => ({
  name,
  revision: () => targets.revision,
  save: () => saveLines(targets.rows()),
  load(piece) {
    const rows: TargetRow[] = []
    const faults = loadLines(piece, (value) => void rows.push(targetOf(value)))
    targets.restore(rows)
    damaged(name, faults)
  },
})

interface LayoutsLine {
  readonly seed: Seed
  readonly layouts: SavedLayouts
}

/** Families of one line: a few hundred kilobytes. */
const familiesPerLine = 4000

/** Lines that can each be read alone. */
function* layoutLines(seed: Seed, { version, layouts, families }: SavedLayouts): Generator<LayoutsLine> {
  const step = familiesPerLine * savedFamilyWords
  for (let at = 0; at < families.length; at += step) yield { seed, layouts: { version, layouts, families: families.slice(at, at + step) } }
}

/**
 * Streams, layouts of histograms, types and targets. Hashes hold under one seed: that of the streams is taken over, unless there is another
 * already that must not change. @param keepSeed true when the state's own seed must stay
 */
export function createSections(state: PrometheusState, keepSeed: boolean, nowMs: () => number): readonly StateSection[] {
  const { streams, hasher, types, assembler } = state
  let mayReseed = !keepSeed
  return [
    {
      name: 'streams',
      revision: () => state.revision,
      save: () => saveRows(streams, hasher.seed),
      load(piece) {
        const seed = seedOfRows(piece)
        if (seed !== undefined && mayReseed) hasher.seed = seed
        if (seed !== undefined) mayReseed = false
        loadRows(piece, streams, hasher.seed, Math.floor(nowMs() / 1000))
      },
    },
    {
      name: 'layouts',
      revision: () => state.revision,
      save: () => saveLines(layoutLines(hasher.seed, assembler.exportLayouts())),
      load(piece) {
        const faults = loadLines(piece, (value) => {
          const { seed, layouts } = value as Partial<LayoutsLine>
          if (Array.isArray(seed) && seed.every((word, at) => word === hasher.seed[at])) assembler.importLayouts(layouts)
        })
        damaged('layouts', faults)
      },
    },
    {
      name: 'types',
      revision: () => state.revision,
      save: () => saveLines(types.export()),
      load(piece) {
        const rows: unknown[] = []
        const faults = loadLines(piece, (value) => void rows.push(value))
        types.import(rows)
        damaged('types', faults)
      },
    },
    targetsSection('targets', state.targets),
    targetsSection('scopes', state.scopes),
  ]
}
