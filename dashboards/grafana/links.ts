/** Links of a dashboard and of its panels: placeholders follow renamed labels, and URLs that hold queries or old stores follow them. Sections 5.1, 5.5 of the reference. */

import type { Note, Status } from '../model.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { createLinkRewriter } from '../traces/links.ts'
import { patchText } from './patch.ts'
import { withoutSecrets } from './placeholder.ts'
import type { PanelPlace } from './places.ts'
import { convertQuery } from './queries.ts'
import { referenceFrom, resolveReference } from './references.ts'
import { noRenames, type Renames, renameTemplate } from './renames.ts'
import { partOf, type Scope } from './scope.ts'

/** What became of a URL. */
export interface RewrittenLink {
  readonly after: string
  readonly status: Status
  readonly notes: readonly Note[]
}

/** Rewrites a URL that it knows; of others undefined. Must leave Grafana's placeholders in it as they are. */
export type LinkRewriter = (url: string) => RewrittenLink | undefined

/** What rewrites URLs of this dashboard. A unit that changed is made good in the query: no panel around a link could be told. */
export function createRewriter(scope: Scope): LinkRewriter {
  const { context, datasources, datasourceScope, variables } = scope
  const { options } = context
  const asQuery = options.scale === 'query' ? context : { ...context, options: { ...options, scale: 'query' as const } }
  return createLinkRewriter({
    context,
    reference: (type) => datasources.of(type),
    convert(model, reference) {
      const resolved = resolveReference(referenceFrom(reference), datasourceScope)
      return convertQuery({ role: 'panel', model, datasource: resolved, panel: undefined, variables, context: asQuery }, resolved.special)
    },
  })
}

function followUrl(scope: Scope, node: Node | undefined, renames: Renames, rewrite: LinkRewriter, id: string, title: string): void {
  const url = textOf(node)
  if (node === undefined || url === undefined || url === '') return
  const templated = renameTemplate(url, renames)
  const rewritten = rewrite(templated)
  const after = rewritten?.after ?? templated
  const notes = rewritten?.notes ?? []
  if (after === url && notes.length === 0) return
  patchText(scope.document, node, url, after)
  scope.parts.push(
    partOf({
      kind: 'link',
      id: `${id}/link/${node.path}`,
      where: node.path,
      title,
      language: 'url',
      status: rewritten?.status ?? 'exact',
      before: withoutSecrets(url),
      after: withoutSecrets(after),
      notes,
    }),
  )
}

/** URLs in a text, as Markdown or HTML write them. Nothing but the URL is taken. */
const urls = /https?:\/\/[^\s<>"'`\\)\]}|]{1,8192}/g

/** Links in the text of a text panel. */
function followText(scope: Scope, node: Node | undefined, rewrite: LinkRewriter, panel: PanelPlace): void {
  const text = textOf(node)
  if (node === undefined || text === undefined) return
  const edits = [...text.matchAll(urls)].flatMap((match) => {
    const [url] = match
    const rewritten = rewrite(url)
    return rewritten === undefined || rewritten.after === url
      ? []
      : [{ start: match.index, end: match.index + url.length, to: rewritten.after, url, rewritten }]
  })
  if (edits.length === 0) return
  scope.document.editText(
    node,
    edits.map(({ start, end, to }) => ({ start, end, to })),
  )
  for (const [index, { url, to, rewritten }] of edits.entries())
    scope.parts.push(
      partOf({
        kind: 'link',
        id: `${panel.id}/text/${index}`,
        where: node.path,
        title: panel.title,
        language: 'url',
        status: rewritten.status,
        before: withoutSecrets(url),
        after: withoutSecrets(to),
        notes: rewritten.notes,
      }),
    )
}

/** Links of a panel, of its fields and overrides, of old table styles, and in its text. */
export function followPanelLinks(scope: Scope, panel: PanelPlace, renames: Renames, rewrite: LinkRewriter): void {
  for (const list of panel.links) for (const link of list.items) followUrl(scope, link.get('url'), renames, rewrite, panel.id, panel.title)
  for (const style of panel.node.get('styles')?.items ?? []) followUrl(scope, style.get('linkUrl'), renames, rewrite, panel.id, panel.title)
  if (panel.type === 'text' || panel.type === 'text2') {
    followText(scope, panel.options?.get('content'), rewrite, panel)
    followText(scope, panel.node.get('content'), rewrite, panel)
  }
}

/** Links of the dashboard itself. */
export function followDashboardLinks(scope: Scope, rewrite: LinkRewriter): void {
  for (const link of scope.dashboard.links?.items ?? [])
    followUrl(scope, link.get('url'), noRenames, rewrite, 'dashboard', textOf(link.get('title')) ?? '')
}
