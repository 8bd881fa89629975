/** Labels and annotations of rules that Grafana manages: labels that have other names now are followed. */

import { type Note, type Status, worse } from '../model.ts'
import type { Context } from '../options.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import type { TextDocument } from '../text/document.ts'
import type { TextEdit } from '../text/edits.ts'
import type { Node } from '../text/node.ts'
import { rewriteTemplate } from './go-template.ts'

interface Renamed {
  readonly labels: ReadonlyMap<string, string>
  readonly lost: ReadonlySet<string>
}

const longest = 65_536

/** `$labels.service.name`, as Elasticsearch's labels have it, and `index $labels "service.name"`. */
function dotted(text: string, labels: ReadonlyMap<string, string>): TextEdit[] {
  const edits: TextEdit[] = []
  const use = /(\$labels|\.Labels)\.([A-Za-z_][\w]*(?:\.[A-Za-z_][\w]*)+)|(index\s+(?:\$labels|\.Labels)\s+")([^"\\]{1,256})"/g
  for (const found of text.slice(0, longest).matchAll(use)) {
    const name = found[2] ?? found[4] ?? ''
    const to = labels.get(name)
    const start = found.index + (found[2] === undefined ? (found[3]?.length ?? 0) : (found[1]?.length ?? 0) + 1)
    if (to !== undefined && to !== name && name.includes('.')) edits.push({ start, end: start + name.length, to })
  }
  return edits
}

/** Rewrites texts where they stand. */
export function rewriteTexts(
  texts: readonly Node[],
  { labels, lost }: Renamed,
  document: TextDocument,
  { metrics, options }: Context,
): { readonly status: Status; readonly notes: readonly Note[]; readonly changed: boolean } {
  let status: Status = 'unchanged'
  let changed = false
  const notes: Note[] = []
  for (const node of texts) {
    const text = String(node.value)
    if (!text.includes('{{')) continue
    const ofElasticsearch = dotted(text, labels)
    const { edits, ...result } = rewriteTemplate(text, {
      labels,
      lost,
      label: (label) => metrics.label(label),
      rewrite: (query) =>
        rewritePromql(query, {
          naming: metrics,
          variables: new Set(),
          scale: 'query',
          transition: 'none',
          role: 'rule',
          targets: options.targets.metrics,
          exportInterval: options.exportInterval,
        }),
    })
    const all = [
      ...ofElasticsearch,
      ...edits.filter((one) => !ofElasticsearch.some((other) => one.start < other.end && other.start < one.end)),
    ]
    if (all.length > 0) {
      document.editText(node, all)
      changed = true
      status = worse(status, 'exact')
    }
    status = worse(status, result.status)
    notes.push(...result.notes)
  }
  return { status, notes, changed }
}
