/** What is gathered while a dashboard is converted. */

import type { Item, ItemKind, Language, Note, Status } from '../model.ts'
import { noUses } from '../model.ts'
import type { Context } from '../options.ts'
import type { LegacyRule } from '../rules/grafana-legacy.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import type { Datasources } from './datasources.ts'
import type { DashboardPlace, QueryPlace } from './places.ts'
import type { DatasourceScope } from './references.ts'
import type { TargetResult, Variable } from './target.ts'

export interface Scope {
  readonly document: TextDocument
  readonly dashboard: DashboardPlace
  readonly context: Context
  readonly variables: readonly Variable[]
  readonly datasourceScope: DatasourceScope
  readonly datasources: Datasources
  readonly items: Item[]
  readonly parts: Item[]
  /** Alerts of panels. */
  readonly rules: LegacyRule[]
}

/** Node of a query's text, for its path: the expression where there is one, else the whole query. */
export function textNode({ role, node }: QueryPlace): Node {
  if (role === 'variable') {
    const query = node.get('query')
    const inside = query?.get('spec') ?? query
    if (inside?.kind === 'object') return inside.get('query') ?? inside.get('expr') ?? inside.get('__legacyStringValue') ?? inside
    return query ?? node.get('definition') ?? node
  }
  const inside = node.get('target')
  for (const holder of [node, inside]) {
    for (const key of ['expr', 'query', 'rawSql', 'rawQuery', 'expression']) {
      const text = holder?.get(key)
      if (text?.kind === 'string' && text.value !== '') return text
    }
  }
  return node
}

const kinds: Readonly<Record<QueryPlace['role'], ItemKind>> = { panel: 'target', variable: 'variable', annotation: 'annotation' }

/** The report's line of a query. */
export const itemOf = (place: QueryPlace, result: TargetResult): Item => ({
  kind: kinds[place.role],
  id: place.id,
  where: textNode(place).path,
  title: place.title,
  language: result.language,
  afterLanguage: result.afterLanguage,
  status: result.status,
  before: result.before,
  after: result.models.length === 0 ? undefined : result.after,
  edits: result.edits,
  notes: result.notes,
  uses: result.uses,
  run: result.run,
})

export interface PartOf {
  readonly kind: ItemKind
  readonly id: string
  readonly where: string
  readonly title: string
  readonly language?: Language
  readonly status: Status
  readonly before: string
  readonly after: string | undefined
  readonly notes?: readonly Note[]
}

/** The report's line of something that is no query. */
export const partOf = ({ language = 'text', notes = [], ...rest }: PartOf): Item => ({ ...rest, language, notes, edits: [], uses: noUses })
