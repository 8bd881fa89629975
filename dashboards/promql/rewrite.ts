/** PromQL as it was → as it has to be asked now: section 6 of the reference. */

import { noUses } from '../model.ts'
import type { PromqlContext, PromqlResult } from './context.ts'
import { maskQuery } from './mask.ts'
import { parsePromql } from './parse.ts'

export function rewritePromql(text: string, context: PromqlContext): PromqlResult {
  const tree = parsePromql(maskQuery(text, context.variables).text)
  const status = typeof tree === 'string' ? 'manual' : 'unchanged'
  return { status, after: text, edits: [], notes: [], uses: noUses, factor: 1, labels: new Map(), series: new Map() }
}
