/** Queries that changed, as a unified diff: one part for each. */

import type { Report } from './model.ts'

const lines = (sign: string, text: string): string[] => text.split('\n').map((line) => `${sign}${line.replaceAll('\r', '')}`)

/** Empty: nothing changes. Control characters of titles do not get through. */
export function diffOf({ sources }: Pick<Report, 'sources'>): string {
  const parts: string[] = []
  const clean = (text: string): string => text.replace(/[\p{Cc}\p{Cf}]/gu, ' ')
  for (const { path, output, items } of sources) {
    const changed = items.filter(({ before, after }) => before !== after)
    if (changed.length === 0) continue
    parts.push(`--- ${clean(path)}`, `+++ ${clean(output[0] ?? path)}`)
    for (const { where, id, title, status, before, after } of changed) {
      parts.push(`@@ ${clean(where)} @@ ${clean(id)} ${clean(title)} (${status})`)
      parts.push(...lines('-', before), ...(after === null ? [] : lines('+', after)))
    }
  }
  return parts.length === 0 ? '' : `${parts.join('\n')}\n`
}
