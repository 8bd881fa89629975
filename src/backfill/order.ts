/** Whether slices have to go out oldest first: only where the destination needs it, or nobody knows (mapping §5, column `order`). */

import type { Program } from './destination-kind.ts'

export type Order = 'time' | 'any'

/** Those that take any age in any order. */
const patient: ReadonlySet<Program> = new Set(['tempo', 'jaeger', 'victoria', 'elastic'])

export interface OrderQuestion {
  /** What an item of the source is: `span`, `sample`, … */
  readonly unit: string
  /** `--to-file` */
  readonly isFile: boolean
  /** `--destination`; undefined: not known. */
  readonly program: Program | undefined
}

/**
 * `any` for files, for spans (no store of traces minds; ClickHouse alone is kinder to ascending days), and for programs that are known not to mind. All
 * else, samples and records for whom nobody said what takes them, goes by time: Prometheus, Mimir and Loki refuse what comes too late.
 */
export function defaultOrder({ unit, isFile, program }: OrderQuestion): Order {
  if (isFile) return 'any'
  if (program !== undefined && patient.has(program)) return 'any'
  return unit === 'span' && program !== 'clickhouse' ? 'any' : 'time'
}
