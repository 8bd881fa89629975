/** How far a conversion is: a bar on a terminal, nothing where nobody looks. */

import { barText, createScreen } from '../backfill/progress-view.ts'
import type { Io } from './io.ts'
import { plainText } from './table.ts'

/** Often enough for the eye. */
const drawMs = 100

export interface ConvertScreen {
  step(done: number, all: number, path: string): void
  end(): void
}

/** @param nowMs a clock that never goes back */
export function createConvertScreen(io: Io, nowMs: () => number): ConvertScreen {
  if (!io.terminal) return { step() {}, end() {} }
  const screen = createScreen(io.err)
  let drawn = Number.NEGATIVE_INFINITY
  let shown = false
  return {
    step(done, all, path) {
      const now = nowMs()
      // A handful is done before a bar is seen.
      if (all < 10 || now - drawn < drawMs) return
      drawn = now
      shown = true
      screen.draw([`${barText(done / all, 24)} ${done} of ${all}  ${plainText(path).slice(-60)}`])
    },
    end() {
      if (shown) screen.draw([])
      screen.end()
    },
  }
}
