/** What a translator gives back beside the data: what it could not take, and what it noticed. */

/** Items of one request that could not be translated, by reason. */
export interface Drop {
  /** One of the reason words in the format's mapping page; a label value, so the set is small and fixed. */
  readonly reason: string
  readonly count: number
  /** The first of them, for the error message: says what and where, without payload. */
  readonly example: string
  /** Place of each dropped item in the request, counted from 0, in order. */
  readonly indexes: readonly number[]
}

/** Something that cost no item but that its owner should know of: a clamped time, a dropped self-reference. */
export interface Note {
  readonly reason: string
  readonly count: number
}

export interface Translated<T> {
  readonly data: T
  readonly drops: readonly Drop[]
  readonly notes: readonly Note[]
}

/** Gathers drops and notes while a request is translated. */
export interface Outcome {
  drop(reason: string, index: number, example: string): void
  note(reason: string): void
  drops(): readonly Drop[]
  notes(): readonly Note[]
}

const nothing: readonly never[] = []

export function createOutcome(): Outcome {
  let drops: Map<string, { count: number; example: string; indexes: number[] }> | undefined
  let notes: Map<string, number> | undefined
  return {
    drop(reason, index, example) {
      drops ??= new Map()
      const found = drops.get(reason)
      if (found === undefined) drops.set(reason, { count: 1, example, indexes: [index] })
      else {
        found.count++
        found.indexes.push(index)
      }
    },
    note(reason) {
      notes ??= new Map()
      notes.set(reason, (notes.get(reason) ?? 0) + 1)
    },
    drops: () => (drops === undefined ? nothing : [...drops].map(([reason, one]) => ({ reason, ...one }))),
    notes: () => (notes === undefined ? nothing : [...notes].map(([reason, count]) => ({ reason, count }))),
  }
}
