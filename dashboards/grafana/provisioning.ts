/** Data sources as provisioning files and the API write them: what they say of uids and plugins, and what in them follows the migration. Section 5.5 of the reference. */

import type { Item, Note } from '../model.ts'
import type { Context, KnownDatasource } from '../options.ts'
import { rewritePromql } from '../promql/rewrite.ts'
import type { TextDocument } from '../text/document.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { mappedTo } from './datasources.ts'
import { patchText } from './patch.ts'
import { masked, withoutSecrets } from './placeholder.ts'
import { promqlContext } from './prometheus.ts'
import { partOf } from './scope.ts'

/** Most data sources of a file that are read. */
const mostDatasources = 10_000

/** The objects that are data sources: of a provisioning file, of a list, or of an answer for one. */
export function datasourceNodes(root: Node): readonly Node[] {
  if (root.kind === 'array') return root.items.flatMap(datasourceNodes).slice(0, mostDatasources)
  const list = root.get('datasources')
  if (list?.kind === 'array') return list.items.filter((one) => one.kind === 'object').slice(0, mostDatasources)
  return textOf(root.get('type')) !== undefined && textOf(root.get('name')) !== undefined ? [root] : []
}

/** What a file says of data sources. Of one without a uid the name stands for it, as in dashboards. */
export const readDatasources = (root: Node): KnownDatasource[] =>
  datasourceNodes(root).flatMap((node) => {
    const type = textOf(node.get('type'))
    const name = textOf(node.get('name')) ?? ''
    if (type === undefined) return []
    const json = node.get('jsonData')
    const index =
      textOf(json?.get('index')) ??
      textOf(json?.get('database')) ??
      (/elastic|opensearch/.test(type) ? textOf(node.get('database')) : undefined)
    return [
      {
        uid: textOf(node.get('uid')) ?? name,
        name,
        type,
        isDefault: node.get('isDefault')?.value === true,
        index: index === '' ? undefined : index,
      },
    ]
  })

/** Names under which clients of old formats wrote the id of a trace in exemplars. */
const traceLabels: ReadonlySet<string> = new Set(['traceID', 'traceId', 'TraceID', 'trace_ID', 'traceid', 'trace.id'])

/** A value that only points to a secret: of the environment, or of a file. */
const pointer = /^\$(?:__env\{|__file\{|__vault\{|\{?\w+\}?$)/

interface Work {
  readonly document: TextDocument
  readonly context: Context
  readonly known: readonly KnownDatasource[]
  readonly parts: Item[]
  readonly name: string
}

function say(
  work: Work,
  node: Node,
  status: Item['status'],
  before: string,
  after: string,
  notes: readonly Note[],
  kind: Item['kind'] = 'datasource',
): void {
  const { path } = node
  const clean = { before: withoutSecrets(before), after: withoutSecrets(after) }
  work.parts.push(partOf({ kind, id: `datasource/${work.name}/${path}`, where: path, title: work.name, status, ...clean, notes }))
}

function set(work: Work, node: Node | undefined, after: string, note: Note): void {
  const before = textOf(node)
  if (node === undefined || before === undefined || before === after) return
  patchText(work.document, node, before, after)
  say(work, node, 'exact', before, after, [note])
}

/** uid of what comes after a data source of this uid, for a plugin; undefined: nobody says. */
function heirOf(work: Work, uid: string, plugin: string): string | undefined {
  const known = work.known.find((one) => one.uid === uid || one.name === uid)
  return mappedTo({ keys: [uid, ...(known === undefined ? [] : [known.name])], type: known?.type ?? '' }, plugin, work.context.options)
}

/** `datasourceUid` of a member of `jsonData`. */
function followUid(work: Work, node: Node | undefined, plugin: string): void {
  const uid = textOf(node)
  const after = uid === undefined ? undefined : heirOf(work, uid, plugin)
  if (uid !== undefined && after !== undefined)
    set(work, node, after, { code: 'OBD-G-014', text: `${plugin} "${after}" comes after "${uid}".` })
}

const oldStore = /(?:jaeger|zipkin|:16686|:9411)[^\s]*\/traces?\/\$*\{__value\.raw\}/i

/** Where the exemplars of a Prometheus lead to. */
function exemplars(work: Work, list: Node | undefined): void {
  for (const one of list?.items ?? []) {
    const name = one.get('name')
    const label = textOf(name) ?? ''
    if (traceLabels.has(label))
      set(work, name, 'trace_id', { code: 'OBD-G-014', text: `The label "${label}" of exemplars is "trace_id" after OTLP.` })
    followUid(work, one.get('datasourceUid'), 'tempo')
    const url = one.get('url')
    const address = textOf(url) ?? ''
    if (url === undefined || !oldStore.test(address) || work.context.options.targets.traces.flavour !== 'tempo') continue
    const uid = mappedTo({ keys: [], type: /zipkin|:9411/i.test(address) ? 'zipkin' : 'jaeger' }, 'tempo', work.context.options)
    if (uid === undefined) {
      const note: Note = {
        code: 'OBD-G-014',
        text: 'The link leads to the old store of traces, and nobody says which Tempo comes after it.',
        suggestion: '--datasource jaeger=UID',
      }
      say(work, url, 'manual', address, address, [note])
      continue
    }
    work.document.remove(one, url)
    work.document.insert(one, 'datasourceUid', uid, 'url')
    say(work, url, 'exact', address, uid, [{ code: 'OBD-G-014', text: 'The link leads to Tempo.' }])
  }
}

/** Fields that Loki's lines were searched for: the id of the trace is beside the line after OTLP. The old field stays, for lines of before. */
function derivedFields(work: Work, list: Node | undefined): void {
  const items = list?.items ?? []
  const isThere = items.some((one) => textOf(one.get('matcherType')) === 'label' && textOf(one.get('matcherRegex')) === 'trace_id')
  for (const [index, one] of items.entries()) {
    followUid(work, one.get('datasourceUid'), 'tempo')
    const text = `${textOf(one.get('name')) ?? ''} ${textOf(one.get('matcherRegex')) ?? ''}`
    if (isThere || list === undefined || textOf(one.get('matcherType')) === 'label' || !/trace/i.test(text)) continue
    if (items.slice(0, index).some((other) => /trace/i.test(textOf(other.get('matcherRegex')) ?? ''))) continue
    const uid = textOf(one.get('datasourceUid'))
    const field = {
      name: `${textOf(one.get('name')) ?? 'trace'} (OTLP)`,
      matcherType: 'label',
      matcherRegex: 'trace_id',
      url: textOf(one.get('url')) ?? '$${__value.raw}',
      ...(uid === undefined ? {} : { datasourceUid: heirOf(work, uid, 'tempo') ?? uid }),
    }
    work.document.append(list, field, index)
    say(work, one, 'exact', text.trim(), 'trace_id', [
      { code: 'OBD-G-014', text: 'The id of the trace is structured metadata after OTLP: a second field reads it there.' },
    ])
  }
}

/** From spans to metrics: labels and queries in PromQL. */
function tracesToMetrics(work: Work, node: Node | undefined): void {
  followUid(work, node?.get('datasourceUid'), 'prometheus')
  for (const tag of node?.get('tags')?.items ?? []) {
    const label = textOf(tag.get('value')) ?? ''
    const target = work.context.metrics.label(label)
    if (target.kind === 'renamed')
      set(work, tag.get('value'), target.to, { code: 'OBD-G-018', text: `The label "${label}" is "${target.to}" now.` })
  }
  for (const one of node?.get('queries')?.items ?? []) {
    const query = one.get('query')
    const text = textOf(query)
    if (query === undefined || text === undefined || text.trim() === '') continue
    // In provisioning files a dollar is written twice.
    const request = {
      context: work.context,
      variables: [{ name: '__tags', kind: 'custom', datasource: undefined, values: [], many: false }],
    }
    const result = rewritePromql(text, promqlContext(request, 'variable', []))
    if (result.after === text && result.notes.length === 0) continue
    if (result.after !== text)
      work.document.editText(
        query,
        result.edits.map(({ start, end, to }) => ({ start, end, to })),
      )
    say(work, query, result.status, text, result.after, result.notes)
  }
}

/** From spans to logs: names of labels, and a query of its own. */
function tracesToLogs(work: Work, node: Node | undefined): void {
  const uid = textOf(node?.get('datasourceUid'))
  followUid(work, node?.get('datasourceUid'), 'loki')
  const known = work.known.find((one) => one.uid === uid || one.name === uid)
  if (node === undefined || known === undefined || !/elasticsearch|opensearch/.test(known.type)) return
  for (const tag of node.get('tags')?.items ?? []) {
    const name = tag.get('value')
    const field = textOf(name) ?? ''
    if (field === '') continue
    const place = work.context.fields.field(field, known.index)
    if (place.where !== 'gone') set(work, name, place.name, { code: 'OBD-G-018', text: `The field "${field}" is "${place.name}" now.` })
  }
  const query = node.get('query')
  if (node.get('customQuery')?.value !== true || query === undefined) return
  const note: Note = {
    code: 'OBD-G-014',
    text: 'The link from spans to logs has a query for the old store of logs.',
    suggestion: '{$${__tags}} | trace_id="$${__trace.traceId}"',
  }
  say(work, query, 'manual', textOf(query) ?? '', textOf(query) ?? '', [note])
}

/** Values of secrets: never written. */
function secrets(work: Work, node: Node): void {
  const hide = (value: Node): void => {
    const text = value.kind === 'string' ? String(value.value) : ''
    if (text === '' || text === masked || pointer.test(text)) return
    work.document.replace(value, masked)
    const note: Note = { code: 'OBD-G-020', text: 'The value is not written.' }
    work.parts.push(
      partOf({
        kind: 'datasource',
        id: `datasource/${work.name}/${value.path}`,
        where: value.path,
        title: work.name,
        status: 'manual',
        before: masked,
        after: masked,
        notes: [note],
      }),
    )
  }
  for (const [, value] of node.get('secureJsonData')?.members ?? []) hide(value)
  for (const key of ['basicAuthPassword', 'password']) {
    const value = node.get(key)
    if (value !== undefined) hide(value)
  }
  for (const [key, value] of node.get('jsonData')?.members ?? [])
    if (/^httpHeaderValue|password$|secret$|token$|apiKey$/i.test(key)) hide(value)
}

const successors: Readonly<Record<string, string>> = {
  jaeger: 'tempo',
  zipkin: 'tempo',
  elasticsearch: 'loki',
  'grafana-opensearch-datasource': 'loki',
}

/** Changes what follows the migration in one file of data sources. Data sources themselves are neither added nor taken out. */
export function convertDatasources(document: TextDocument, context: Context): Item[] {
  const known = [...readDatasources(document.root), ...context.known]
  const parts: Item[] = []
  for (const node of datasourceNodes(document.root)) {
    const name = textOf(node.get('name')) ?? textOf(node.get('uid')) ?? ''
    const type = textOf(node.get('type')) ?? ''
    const uid = textOf(node.get('uid')) ?? name
    const work: Work = { document, context, known, parts, name }
    const json = node.get('jsonData')
    exemplars(work, json?.get('exemplarTraceIdDestinations'))
    derivedFields(work, json?.get('derivedFields'))
    tracesToMetrics(work, json?.get('tracesToMetrics'))
    for (const key of ['tracesToLogsV2', 'tracesToLogs']) tracesToLogs(work, json?.get(key))
    followUid(work, json?.get('serviceMap')?.get('datasourceUid'), 'prometheus')
    followUid(work, json?.get('lokiSearch')?.get('datasourceUid'), 'loki')
    secrets(work, node)
    const successor = successors[type]
    const stays =
      (successor === 'tempo' && context.options.targets.traces.flavour === 'jaeger' && type === 'jaeger') ||
      (successor === 'loki' && context.options.targets.logs.flavour !== 'loki')
    if (successor === undefined || stays || heirOf(work, uid, successor) !== undefined) continue
    const note: Note = {
      code: 'OBD-G-002',
      text: `Nobody says which ${successor} comes after "${name}" (${type}).`,
      suggestion: `--datasource ${uid}=UID`,
    }
    say(work, node, 'manual', `${type} ${uid}`, `${type} ${uid}`, [note])
  }
  return parts
}
