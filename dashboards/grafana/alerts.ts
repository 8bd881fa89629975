/** Alerts of panels, as Grafana had them up to version 10: each is one rule of the report. Sections 2 and 10 of the reference. */

import type { Item, Note } from '../model.ts'
import { noUses } from '../model.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { withoutSecrets } from './placeholder.ts'
import type { PanelPlace } from './places.ts'

const words = (node: Node | undefined): string => (node?.items ?? []).map((one) => String(one.value ?? '')).join(', ')

/** What an alert compares, in one line a condition: `avg(A, 5m, now) gt 90`. */
function conditionsOf(alert: Node): string {
  const lines = (alert.get('conditions')?.items ?? []).map((one, index) => {
    const operator = textOf(one.get('operator')?.get('type')) ?? 'and'
    const reducer = textOf(one.get('reducer')?.get('type')) ?? ''
    const evaluator = one.get('evaluator')
    const compared = `${textOf(evaluator?.get('type')) ?? ''} ${words(evaluator?.get('params'))}`.trim()
    return `${index === 0 ? '' : `${operator} `}${reducer}(${words(one.get('query')?.get('params'))}) ${compared}`
  })
  return lines.join('\n')
}

const note: Note = { code: 'OBD-G-010', text: 'The alert of the panel stays where it is, where newer versions of Grafana do not read it.' }

/** The report's line of a panel's alert that nobody makes a rule of. */
export function alertItem(panel: PanelPlace, alert: Node): Item {
  const name = textOf(alert.get('name')) ?? ''
  const conditions = withoutSecrets(conditionsOf(alert))
  return {
    kind: 'rule',
    id: `${panel.id}/alert`,
    where: alert.path,
    title: name === '' ? panel.title : name,
    language: 'other',
    status: 'manual',
    before: conditions,
    after: undefined,
    edits: [],
    notes: [note],
    uses: noUses,
  }
}
