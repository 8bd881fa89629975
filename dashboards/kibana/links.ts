/** Links into Kibana, in Markdown and in drilldowns → links into Grafana: section 8.3. */

import type { PartNote } from './model.ts'
import { uidOf } from './uids.ts'

/** A dashboard in a link of Kibana: `#/dashboard/id`, `/app/kibana#/dashboard/id?_g=()`, `/app/dashboards#/view/id`. */
const dashboardLink =
  /(?:https?:\/\/[^\s()<>"']{1,200})?(?:\/s\/[\w-]{1,100})?(?:\/app\/(?:kibana|dashboards))?#\/(?:dashboard|view)\/([\w%:.~-]{1,200})(\?[^\s)<>"']{0,4000})?/g

/** Any other link into Kibana. */
const otherLink = /(?:\/app\/[a-z][\w-]{0,40}|(?<![\w/])#\/(?:discover|visualize|management|maps|lens|canvas|home))[^\s)<>"']{0,4000}/g

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
  const rewritten = text.replace(dashboardLink, (whole: string, dashboard: string, state: string | undefined) => {
    const after = `/d/${uidOf(decoded(dashboard))}`
    parts.push({
      kind: 'link',
      id: `${id}/link/${parts.length}`,
      title,
      status: state === undefined ? 'exact' : 'approximate',
      before: whole,
      after,
      notes: state === undefined ? [] : [{ code: 'OBD-K-012', text: 'Time and filters of the link are left out.' }],
    })
    return after
  })
  for (const [link] of rewritten.matchAll(otherLink)) {
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
