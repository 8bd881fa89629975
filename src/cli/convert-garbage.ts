/** Keeps the heap of a long conversion small: what a file left behind goes before it has grown to what the engine would allow. */

import { getHeapStatistics } from 'node:v8'

/** Garbage of some 50 dashboards; collecting it takes 50 ms. */
const mostGarbage = 40 * 1024 * 1024

/** To be called between two sources. Nothing where Node.js runs without `--expose-gc`, which the launcher gives it. */
export function createSweeper(): () => void {
  const collect = globalThis.gc
  if (collect === undefined) return () => {}
  const used = (): number => getHeapStatistics().used_heap_size
  let kept = used()
  return () => {
    if (used() < kept + mostGarbage) return
    collect()
    kept = used()
  }
}
