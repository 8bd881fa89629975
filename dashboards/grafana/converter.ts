/** Converters of Grafana's files: dashboards of all schemas and library panels. */

import { BridgeError } from '../../src/errors.ts'
import type { Converted } from '../model.ts'
import type { Context } from '../options.ts'
import type { Converter, Source } from '../registry.ts'
import { legacyAlertFiles } from '../rules/grafana-legacy.ts'
import type { TextDocument } from '../text/document.ts'
import { parseEitherDocument } from '../text/either.ts'
import { parseJsonDocument } from '../text/json.ts'
import type { Node } from '../text/node.ts'
import { textOf } from '../text/node.ts'
import { parseYamlDocuments } from '../text/yaml.ts'
import { readClassic, readLibraryPanel } from './classic.ts'
import { convertDashboard } from './dashboard.ts'
import type { DashboardPlace } from './places.ts'
import { convertDatasources } from './provisioning.ts'
import { giveIds, readResource } from './resource.ts'
import { partOf } from './scope.ts'
import { upgradePanels } from './upgrade/upgrade.ts'

/** The object that is the dashboard, whatever stands around it. */
function dashboardNode(root: Node): Node {
  for (const key of ['dashboard', 'spec']) {
    const inner = root.get(key)
    if (inner?.kind === 'object' && (inner.get('panels') ?? inner.get('rows') ?? inner.get('templating')) !== undefined) return inner
  }
  return root
}

function convertedOf(
  kind: string,
  source: Source,
  place: DashboardPlace,
  result: ReturnType<typeof convertDashboard>,
  text: string,
  context: Context,
): Converted {
  return {
    kind,
    title: place.title,
    uid: place.uid,
    tags: place.tags,
    files: [{ path: source.path, text }, ...legacyAlertFiles(source.path.replace(/\.json$/i, ''), source.path, place.title, result.rules)],
    items: result.items,
    parts: result.parts,
    variables: result.variables,
    notes: otherForm(kind, context),
  }
}

/** A target that is not made of this kind is told: the dashboard stays in its form. */
function otherForm(kind: string, { options }: Context): Converted['notes'] {
  const own = options.to === 'grafana' || (options.to === 'grafana-v2' && kind === 'grafana-v2')
  return own ? [] : [{ code: 'OBD-G-022', text: `--to ${options.to} is not made of a dashboard of the kind ${kind}.` }]
}

function convertClassic(kind: string, source: Source, context: Context): Converted {
  const document = parseEitherDocument(source.text)
  const { root } = document
  if (root.kind !== 'object') throw new BridgeError('OB_DECODE_JSON', `cannot convert ${source.path}: it is no object but ${root.kind}`)
  const place = readClassic(document, dashboardNode(root), { uid: textOf(root.get('metadata')?.get('name')) ?? '' })
  const result = convertDashboard(document, place, context)
  if (!context.options.upgradePanels) return convertedOf(kind, source, place, result, document.toString(), context)
  const upgraded = upgradePanels(document.toString(), dashboardNode)
  return convertedOf(kind, source, place, { ...result, parts: [...result.parts, ...upgraded.parts] }, upgraded.text, context)
}

/** A dashboard as Grafana stores, exports (`__inputs`) or answers it (`{dashboard, meta}`), of schema 6 to 42. */
export const grafanaDashboard: Converter = {
  kind: 'grafana-dashboard',
  convert: (source, context) => convertClassic('grafana-dashboard', source, context),
}

/** The same as a resource of Kubernetes' kind: `spec` is the dashboard. */
export const grafanaV1: Converter = {
  kind: 'grafana-v1',
  convert: (source, context) => convertClassic('grafana-v1', source, context),
}

/** A dashboard of schema 2. Panels without an id get one. */
export const grafanaV2: Converter = {
  kind: 'grafana-v2',
  convert(source, context) {
    const document = parseEitherDocument(source.text)
    const given = giveIds(document, document.root)
    const place = readResource(document, document.root, given)
    const result = convertDashboard(document, place, context)
    const parts = [...given].map(([node, id]) =>
      partOf({
        kind: 'layout',
        id: `id/${node.path}`,
        where: node.path,
        title: textOf(node.get('title')) ?? '',
        status: 'exact',
        before: '',
        after: String(id),
        notes: [{ code: 'OBD-G-015', text: 'The panel had no id.' }],
      }),
    )
    return convertedOf('grafana-v2', source, place, { ...result, parts: [...result.parts, ...parts] }, document.toString(), context)
  },
}

/** Library panels, one or a list: `model` of each is a panel. */
export const grafanaLibraryPanel: Converter = {
  kind: 'grafana-library-panel',
  convert(source, context) {
    const document = parseEitherDocument(source.text)
    const { root } = document
    const list = root.kind === 'array' ? root : root.get('result')?.get('elements')
    const places = (list?.items ?? [root.get('result') ?? root]).map((element) => readLibraryPanel(document, element))
    const results = places.map((place) => convertDashboard(document, place, context))
    const [first] = places
    return {
      kind: 'grafana-library-panel',
      title: places.length === 1 ? (first?.title ?? '') : '',
      uid: places.length === 1 ? (first?.uid ?? '') : '',
      tags: [],
      files: [{ path: source.path, text: document.toString() }],
      items: results.flatMap(({ items }) => items),
      parts: results.flatMap(({ parts }) => parts),
      notes: [],
    }
  },
}

/** JSON, which the API answers, or YAML. */
const parseEither = (text: string): TextDocument => (/^\s*[[{]/.test(text) ? parseJsonDocument(text) : parseYamlDocuments(text))

const provisioned = (kind: string, source: Source, document: TextDocument, parts: Converted['parts']): Converted => ({
  kind,
  title: '',
  uid: '',
  tags: [],
  files: [{ path: source.path, text: document.toString() }],
  items: [],
  parts,
  notes: [],
})

/** Data sources: links between metrics, logs and traces follow; secrets are taken out. */
export const grafanaDatasources: Converter = {
  kind: 'grafana-datasources',
  convert(source, context) {
    const document = parseEither(source.text)
    return provisioned('grafana-datasources', source, document, convertDatasources(document, context))
  },
}

/** Where dashboards are provisioned from: nothing in it speaks of queries. */
export const grafanaProviders: Converter = {
  kind: 'grafana-providers',
  convert: (source) => provisioned('grafana-providers', source, parseEither(source.text), []),
}
