/** Alerts of panels, as Grafana had them up to version 10: each becomes a rule that Grafana manages. Sections 2 and 10 of the reference. */

import type { Item, Note } from '../model.ts'
import { worse } from '../model.ts'
import { convertLegacyAlert, type LegacyQuery } from '../rules/grafana-legacy.ts'
import type { Node } from '../text/node.ts'
import { plainOf } from './classic.ts'
import { withoutSecrets } from './placeholder.ts'
import type { PanelPlace } from './places.ts'
import type { Scope } from './scope.ts'

/** @param queries those of the panel that can be asked, by refId */
export function convertAlert(scope: Scope, panel: PanelPlace, alert: Node, queries: ReadonlyMap<string, LegacyQuery>): void {
  const { dashboard, context, items, rules } = scope
  const { item, rule } = convertLegacyAlert({
    alert: plainOf(alert),
    panelId: panel.id.replace(/^panel\//, ''),
    panelTitle: panel.title,
    dashboardUid: dashboard.uid,
    dashboardTitle: dashboard.title,
    where: alert.path,
    queries,
    options: context.options,
  })
  const unnamed = [...queries.values()].some(({ datasource }) => datasource.uid === '' || datasource.uid.includes('$'))
  const note: Note = {
    code: 'OBD-A-020',
    text: 'The query is asked of a data source that a variable names; a rule has no variables.',
    suggestion: 'put the uid of the data source into the rule',
  }
  const sound: Item = unnamed && rule !== undefined ? { ...item, status: worse(item.status, 'manual'), notes: [...item.notes, note] } : item
  items.push({ ...sound, id: `${panel.id}/alert`, before: withoutSecrets(sound.before) })
  if (rule !== undefined) rules.push(rule)
}
