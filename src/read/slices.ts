/** Walks through a span of time in slices that a backend's limit can hold. */

import { BridgeError } from '../errors.ts'

export interface Slice {
  readonly fromMicros: number
  readonly toMicros: number
}

export interface SlicesOptions {
  readonly fromMs: number
  readonly toMs: number
  /** The widest slice to ask for, ms. */
  readonly widestMs?: number
  /** The narrowest slice, µs; a page that is full even there cannot be read whole. */
  readonly narrowestMicros?: number
}

/**
 * Asks for slice after slice, oldest first. A slice whose answer was full is thrown away and asked again in halves; after one that was far from
 * full the next is twice as wide. Rejects with OB_BACKEND when the narrowest slice is still full.
 * @param ask `full`: the limit of the answer was reached, so that some may be missing
 */
export async function* slices<Page>(
  { fromMs, toMs, widestMs = Number.POSITIVE_INFINITY, narrowestMicros = 1000 }: SlicesOptions,
  ask: (slice: Slice) => Promise<{ readonly page: Page; readonly full: boolean; readonly sparse: boolean }>,
): AsyncGenerator<Page, void, undefined> {
  const end = toMs * 1000
  const widest = Math.min((toMs - fromMs) * 1000, widestMs * 1000)
  let width = widest
  for (let at = fromMs * 1000; at < end; ) {
    const toMicros = Math.min(at + width, end)
    const { page, full, sparse } = await ask({ fromMicros: at, toMicros })
    if (full) {
      const half = Math.ceil((toMicros - at) / 2 / narrowestMicros) * narrowestMicros
      if (half >= toMicros - at)
        throw new BridgeError(
          'OB_BACKEND',
          `cannot read ${new Date(at / 1000).toISOString()}: there is more in it than one answer may hold`,
        )
      width = half
      continue
    }
    yield page
    at = toMicros
    if (sparse) width = Math.min(width * 2, widest)
  }
}

/** Lists of at most `size`. */
export function chunksOf<T>(list: readonly T[], size: number): readonly (readonly T[])[] {
  const chunks: T[][] = []
  for (let at = 0; at < list.length; at += size) chunks.push(list.slice(at, at + size))
  return chunks
}
