/**
 * Rules that Grafana manages: queries are rewritten where they stand, and nothing else changes. Provisioning files (YAML, JSON), answers of the API, the ruler's form and
 * resources of the operator. Section 10.2 of the reference. Files of Terraform are only reported on.
 */

import type { Converted, Item, Note, Status } from '../model.ts'
import { worse } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import type { TextDocument } from '../text/document.ts'
import { parseJsonDocument } from '../text/json.ts'
import { type Node, textOf } from '../text/node.ts'
import { parseYamlDocuments } from '../text/yaml.ts'
import { joinUses } from './alert-rule.ts'
import { templateLabels } from './go-template.ts'
import { convertManagedQuery, type ManagedQuery } from './grafana-managed-query.ts'
import { rewriteTexts } from './grafana-managed-texts.ts'
import { terraformRules } from './grafana-terraform.ts'
import { basePath } from './outcome.ts'

/** A rule in a file. */
interface RulePlace {
  /** Holds `data`, `condition` and the title. */
  readonly rule: Node
  /** Holds labels and annotations: the same, but of the ruler's form. */
  readonly outer: Node
  readonly pausedKey: 'isPaused' | 'is_paused'
}

/** All rules below a node, in order. The depth is that of the file, which has a limit. */
function rulesBelow(node: Node, found: RulePlace[] = []): RulePlace[] {
  const inner = node.get('grafana_alert')
  if (inner?.kind === 'object') {
    found.push({ rule: inner, outer: node, pausedKey: 'is_paused' })
    return found
  }
  if (
    node.kind === 'object' &&
    node.get('data')?.kind === 'array' &&
    (node.get('condition') !== undefined || node.get('title') !== undefined)
  ) {
    found.push({ rule: node, outer: node, pausedKey: 'isPaused' })
    return found
  }
  for (const child of node.items) rulesBelow(child, found)
  for (const [, child] of node.members) rulesBelow(child, found)
  return found
}

const textsIn = (node: Node | undefined): readonly Node[] =>
  (node?.members ?? []).flatMap(([, value]) => (value.kind === 'string' && value.value !== '' ? [value] : []))

interface Done {
  readonly item: Item
  readonly parts: readonly Item[]
}

function convertRule({ rule, outer, pausedKey }: RulePlace, at: number, document: TextDocument, context: Context): Done {
  const title = textOf(rule.get('title')) ?? textOf(rule.get('uid')) ?? `rule ${at + 1}`
  const texts = [...textsIn(outer.get('annotations')), ...textsIn(outer.get('labels'))]
  const wanted = new Set(texts.flatMap((node) => templateLabels(String(node.value))))
  const queries = (rule.get('data')?.items ?? []).flatMap((data): ManagedQuery[] => {
    const made = convertManagedQuery(data, document, context, wanted)
    return made === undefined ? [] : [made]
  })
  let status: Status = 'unchanged'
  const notes: Note[] = []
  const labels = new Map<string, string>()
  const lost = new Set<string>()
  for (const query of queries) {
    status = worse(status, query.status)
    notes.push(...query.notes)
    for (const [from, to] of query.labels) labels.set(from, to)
    for (const name of query.lost) lost.add(name)
  }
  if (queries.some(({ fromElasticsearch }) => fromElasticsearch)) {
    const state = textOf(rule.get('noDataState')) ?? textOf(rule.get('no_data_state'))
    if (state !== 'OK' && queries.some(({ zeroed }) => !zeroed))
      notes.push({
        code: 'OBD-A-017',
        text: `noDataState is ${state ?? 'not set'}: where Elasticsearch gave 0 for a group, Loki gives nothing`,
        suggestion: 'noDataState: OK',
      })
  }
  const rewritten = rewriteTexts(texts, { labels, lost }, document, context)
  status = worse(status, rewritten.status)
  notes.push(...rewritten.notes)
  const changed = queries.some(({ before, after }) => before !== after) || rewritten.changed
  const doubtful =
    status === 'unsupported' || (changed && (status === 'manual' || (status === 'approximate' && !context.options.acceptApproximate)))
  if (doubtful) {
    const paused = rule.get(pausedKey)
    if (paused === undefined) document.insert(rule, pausedKey, true)
    else if (paused.value !== true) document.replace(paused, true)
    notes.push({ code: 'OBD-A-002', text: status === 'unsupported' ? 'kept as it was, and paused' : `paused: it is ${status}` })
  }
  const [only] = queries
  const language = queries.find((query) => query.before !== query.after)?.language ?? only?.language ?? 'other'
  return {
    item: {
      kind: 'rule',
      id: `rule/${textOf(rule.get('uid')) ?? title}`,
      where: rule.path,
      title,
      language,
      ...(queries.some(({ fromElasticsearch }) => fromElasticsearch) ? { afterLanguage: 'logql' as const } : {}),
      status,
      before: queries.map(({ before }) => before).join('\n'),
      after: queries.map(({ after }) => after).join('\n'),
      edits: queries.length === 1 ? (only?.edits ?? []) : [],
      notes,
      uses: joinUses(queries.map(({ uses }) => uses)),
      ...(only?.run !== undefined && queries.length === 1 ? { run: only.run } : {}),
    },
    parts: queries.flatMap(({ datasource }, index) =>
      datasource === undefined ? [] : [{ ...datasource, id: `datasource/${title}/${index}`, where: rule.path, title }],
    ),
  }
}

function convert(source: Source, context: Context): Converted {
  const start = /\S/.exec(source.text)?.[0]
  const result = (items: readonly Item[], parts: readonly Item[], files: Converted['files'], notes: readonly Note[]): Converted => ({
    kind: 'grafana-rules',
    title: basePath(source.path).split('/').at(-1) ?? source.path,
    uid: basePath(source.path),
    tags: [],
    files,
    items,
    parts,
    notes,
  })
  if (/^\s*resource\s+"grafana_/m.test(source.text) && start !== '{')
    return result(
      terraformRules(source.text, context),
      [],
      [],
      [{ code: 'OBD-A-032', text: 'a file of Terraform: the report has the new queries, the file is not written' }],
    )
  const document = start === '{' || start === '[' ? parseJsonDocument(source.text) : parseYamlDocuments(source.text)
  const items: Item[] = []
  const parts: Item[] = []
  const ids = new Map<string, number>()
  rulesBelow(document.root).forEach((place, at) => {
    const done = convertRule(place, at, document, context)
    const seen = (ids.get(done.item.id) ?? 0) + 1
    ids.set(done.item.id, seen)
    items.push(seen === 1 ? done.item : { ...done.item, id: `${done.item.id}/${seen}` })
    parts.push(...done.parts)
  })
  return result(items, parts, [{ path: source.path, text: document.toString() }], [])
}

/** Rules that Grafana manages. */
export const grafanaRulesConverter: Converter = { kind: 'grafana-rules', convert }
