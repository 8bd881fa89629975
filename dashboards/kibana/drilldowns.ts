/** Drilldowns of panels → links of Grafana: section 8.3. */

import type { KibanaPanel } from './dashboard.ts'
import type { PartNote } from './model.ts'
import { uidOf } from './uids.ts'
import { at, isTrue, type JsonObject, objectOf, objectsOf, textOf } from './value.ts'

export interface DataLink {
  readonly title: string
  readonly url: string
  readonly targetBlank: boolean
}

/** Handlebars that Grafana has a variable for. */
const known: ReadonlyMap<string, string> = new Map([
  ['event.value', '${__value.raw}'],
  ['event.key', '${__field.name}'],
  ['event.from', '${__from}'],
  ['event.to', '${__to}'],
  ['event.label', '${__series.name}'],
  ['context.panel.timeRange.from', '${__from}'],
  ['context.panel.timeRange.to', '${__to}'],
  ['context.panel.title', '${__dashboard}'],
])

const handlebars = /\{\{\{?\s*(?:date\s+|encodeURIComponent\s+)?([\w.[\]#/ ]{1,200}?)\s*\}\}\}?/g

/** A template of a URL; `unknown` holds what Grafana has nothing for. */
export function urlTemplate(template: string): { readonly url: string; readonly unknown: readonly string[] } {
  const unknown: string[] = []
  const url = template.replace(handlebars, (whole: string, name: string) => {
    const variable = known.get(name.trim())
    if (variable === undefined) unknown.push(whole)
    return variable ?? whole
  })
  return { url, unknown: url.includes('{{') && unknown.length === 0 ? ['{{'] : unknown }
}

/** Only links that a browser may follow without running anything. */
const isHarmless = (url: string): boolean => /^(?:https?:\/\/|\/(?!\/)|\$\{)/i.test(url)

/** Links of a panel, and what the report says of them. */
export function drilldownsOf(panel: KibanaPanel, id: string): { readonly links: readonly DataLink[]; readonly parts: readonly PartNote[] } {
  const links: DataLink[] = []
  const parts: PartNote[] = []
  const add = (
    title: string,
    before: JsonObject,
    link: DataLink | undefined,
    status: PartNote['status'],
    why: string | undefined,
  ): void => {
    if (link !== undefined) links.push(link)
    parts.push({
      kind: 'link',
      id: `${id}/drilldown/${parts.length}`,
      title,
      status,
      before: JSON.stringify(before),
      after: link?.url,
      notes: why === undefined ? [] : [{ code: 'OBD-K-012', text: why }],
    })
  }
  const events = objectsOf(at(panel.config, 'enhancements', 'dynamicActions', 'events'))
  const listed = objectsOf(panel.config.drilldowns)
  const all: readonly JsonObject[] = [...events.map(({ action, eventId }) => ({ ...objectOf(action), eventId })), ...listed]
  for (const event of all.slice(0, 100)) {
    const config = objectOf(event.config ?? event)
    const title = textOf(event.name) ?? textOf(event.label) ?? 'Drilldown'
    const kind = textOf(event.factoryId) ?? textOf(event.type) ?? ''
    if (/dashboard/i.test(kind)) {
      const reference = panel.references.find(({ name, type }) => type === 'dashboard' && name.includes(`${textOf(event.eventId) ?? ''}`))
      const dashboard = textOf(config.dashboardId) ?? textOf(config.dashboard_id) ?? reference?.id
      if (dashboard === undefined) add(title, event, undefined, 'manual', 'The dashboard that it leads to is not in the source.')
      else {
        const time = config.useCurrentDateRange === false ? '' : '?${__url_time_range}'
        const filters = config.useCurrentFilters === false ? '' : `${time === '' ? '?' : '&'}\${__all_variables}`
        add(
          title,
          event,
          { title, url: `/d/${uidOf(dashboard)}${time}${filters}`, targetBlank: isTrue(config.openInNewTab) },
          'exact',
          undefined,
        )
      }
    } else if (/url/i.test(kind)) {
      const { url, unknown } = urlTemplate(textOf(at(config, 'url', 'template')) ?? textOf(config.url) ?? '')
      const status = unknown.length > 0 || !isHarmless(url) ? 'manual' : 'exact'
      const why = !isHarmless(url)
        ? 'Its address is none that a browser follows harmlessly.'
        : unknown.length > 0
          ? `Grafana has nothing for ${unknown.join(', ')}.`
          : undefined
      add(title, event, isHarmless(url) ? { title, url, targetBlank: config.openInNewTab !== false } : undefined, status, why)
    } else add(title, event, undefined, 'unsupported', `A drilldown of the kind ${kind} has no counterpart.`)
  }
  return { links, parts }
}
