/** Links into Kibana, in Markdown and in drilldowns → links into Grafana: section 8.3. */

import type { PartNote } from './model.ts'
import { uidOf } from './uids.ts'

/** A dashboard in a link of Kibana: `#/dashboard/id`, `/app/kibana#/dashboard/id?_g=()`, `/app/dashboards#/view/id`. */
const dashboardLink =
  /(?:https?:\/\/[^\s()<>"']{1,200})?(?:\/s\/[\w-]{1,100})?(?:\/app\/(?:kibana|dashboards))?#\/(?:dashboard|view)\/([\w%:.~-]{1,200})(\?)?/g

/** Any other link into Kibana. */
const otherLink = /(?:\/app\/[a-z][\w-]{0,40}|(?<![\w/])#\/(?:discover|visualize|management|maps|lens|canvas|home))/g

/** End of an address: at a space, a quote, or a bracket that was not opened in it, as RISON has many. */
function endOf(text: string, start: number): number {
  let open = 0
  for (let at = start; at < text.length; at++) {
    const sign = text[at] ?? ''
    if (sign === '(') open++
    else if (sign === ')' && open-- === 0) return at
    else if (/[\s<>"]/.test(sign)) return at
  }
  return text.length
}

export interface Linked {
  readonly text: string
  readonly parts: readonly PartNote[]
}

/** An id as a link writes it. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id)
  } catch {
    return id // no encoding at all, then
  }
}

/** Rewrites what leads to dashboards; says what else leads into Kibana. `id` is of the panel, for the report. */
export function linkedText(text: string, id: string, title: string): Linked {
  const parts: PartNote[] = []
  let rewritten = ''
  let from = 0
  for (const match of text.matchAll(dashboardLink)) {
    if (match.index < from) continue
    const hasState = match[2] !== undefined
    const end = hasState ? endOf(text, match.index) : match.index + match[0].length
    const after = `/d/${uidOf(decoded(match[1] ?? ''))}`
    rewritten += text.slice(from, match.index) + after
    from = end
    parts.push({
      kind: 'link',
      id: `${id}/link/${parts.length}`,
      title,
      status: hasState ? 'approximate' : 'exact',
      before: text.slice(match.index, end),
      after,
      notes: hasState ? [{ code: 'OBD-K-012', text: 'Time and filters of the link are left out.' }] : [],
    })
  }
  rewritten += text.slice(from)
  for (const { index } of rewritten.matchAll(otherLink)) {
    const link = rewritten.slice(index, endOf(rewritten, index))
    parts.push({
      kind: 'link',
      id: `${id}/link/${parts.length}`,
      title,
      status: 'manual',
      before: link,
      after: link,
      notes: [{ code: 'OBD-K-012', text: `${link.slice(0, 200)} leads into Kibana.` }],
    })
  }
  return { text: rewritten, parts }
}
