/** What a JSON or YAML document is, by its keys. */

import type { Kind } from './registry.ts'
import { type Node, textOf } from './text/node.ts'

const isObject = (node: Node | undefined): node is Node & { readonly kind: 'object' } => node?.kind === 'object'
const isArray = (node: Node | undefined): node is Node & { readonly kind: 'array' } => node?.kind === 'array'
const has = (node: Node, ...keys: readonly string[]): boolean => keys.every((key) => node.get(key) !== undefined)
const hasAny = (node: Node, ...keys: readonly string[]): boolean => keys.some((key) => node.get(key) !== undefined)

/** Elements that are looked at in a list of many. */
const lookedAt = 200

/** Saved objects of Kibana that are about alerts. */
const alertTypes = new Set(['alert', 'action', 'action_task_params', 'rules-settings', 'connector_token', 'api_key_pending_invalidation'])
/** What rules of a file are: those of Prometheus are flat. */
const isPrometheusRule = (rule: Node | undefined): boolean => isObject(rule) && hasAny(rule, 'record', 'alert', 'expr')
const isGrafanaRule = (rule: Node | undefined): boolean =>
  isObject(rule) && (has(rule, 'grafana_alert') || (isArray(rule.get('data')) && hasAny(rule, 'condition', 'title', 'uid')))

function kindOfGroups(groups: readonly Node[], standard: Kind): Kind | undefined {
  for (const group of groups.slice(0, lookedAt)) {
    if (!isObject(group)) return undefined
    for (const rule of group.get('rules')?.items.slice(0, lookedAt) ?? []) {
      if (isGrafanaRule(rule)) return 'grafana-rules'
      if (isPrometheusRule(rule) || textOf(rule.get('type')) === 'alerting' || textOf(rule.get('type')) === 'recording')
        return 'prometheus-rules'
    }
  }
  return groups.length === 0 || groups.every((group) => isArray(group.get('rules')) || has(group, 'name')) ? standard : undefined
}

const savedObjectType = (node: Node): string | undefined =>
  isObject(node) && (isObject(node.get('attributes')) || isObject(node.get('_source')))
    ? (textOf(node.get('type')) ?? textOf(node.get('_type')))
    : undefined

const isSummary = (node: Node): boolean => isObject(node) && hasAny(node, 'exportedCount')

/** Kinds of a list of saved objects; undefined: they are none. */
function kindsOfObjects(nodes: readonly Node[]): readonly Kind[] | undefined {
  const found = new Set<Kind>()
  for (const node of nodes) {
    if (isSummary(node)) continue
    const type = savedObjectType(node)
    if (type === undefined) return found.size === 0 ? undefined : [...found]
    found.add(alertTypes.has(type) ? 'kibana-rules' : 'kibana')
  }
  // An index pattern beside rules is for the rules.
  return found.size === 0 ? undefined : [...found].toSorted((one, other) => Number(one === 'kibana') - Number(other === 'kibana'))
}

const isKibanaRule = (node: Node): boolean => isObject(node) && hasAny(node, 'rule_type_id', 'alertTypeId') && has(node, 'params')

function kindOfResource(apiVersion: string, kind: string, node: Node): Kind | undefined {
  if (apiVersion.startsWith('dashboard.grafana.app/v2')) return 'grafana-v2'
  if (apiVersion.startsWith('dashboard.grafana.app/')) return kind === 'LibraryPanel' ? 'grafana-library-panel' : 'grafana-v1'
  if (kind === 'PrometheusRule' && apiVersion.startsWith('monitoring.')) return 'prometheus-rules'
  if (kind === 'GrafanaAlertRuleGroup' || (kind === 'AlertRule' && apiVersion.includes('grafana'))) return 'grafana-rules'
  if (/^Grafana(?:ContactPoint|NotificationPolicy|MuteTiming|NotificationTemplate)/.test(kind)) return 'grafana-notifications'
  if (['ConfigMap', 'Secret', 'GrafanaDashboard', 'GrafanaManifest', 'GrafanaLibraryPanel'].includes(kind)) return 'kubernetes'
  if (kind.endsWith('List') && isArray(node.get('items'))) return 'kubernetes'
  return undefined
}

function isDashboard(node: Node): boolean {
  if (isArray(node.get('panels')) || isArray(node.get('rows'))) {
    return (
      hasAny(node, 'schemaVersion', 'templating', 'annotations', 'title', '__inputs') ||
      node.get('panels')?.items[0]?.get('targets') !== undefined
    )
  }
  return node.get('schemaVersion')?.kind === 'number' && has(node, 'title')
}

const isResourceSpec = (node: Node): boolean => isObject(node.get('elements')) && isObject(node.get('layout'))

const isWatch = (node: Node | undefined): boolean =>
  isObject(node) && isObject(node.get('trigger')) && hasAny(node, 'input', 'condition', 'actions') && !has(node, 'expr')

const jaegerKeys = new Set([
  'archiveEnabled',
  'dependencies',
  'menu',
  'linkPatterns',
  'monitor',
  'tracking',
  'search',
  'gaTrackingID',
  'deepDependencies',
  'pathAgnosticDecorations',
  'qualityMetrics',
  'topTagPrefixes',
  'traceGraph',
  'traceDiff',
  'scripts',
  'storageCapabilities',
  'tracesTableColumns',
  'disableFileUploadControl',
  'disableJsonView',
  'forbidNewPage',
  'criticalPathEnabled',
  'themes',
  'useOpenTelemetryTerms',
])

const isJaegerUi = (node: Node): boolean =>
  node.members.length > 0 &&
  node.members.every(([key]) => jaegerKeys.has(key)) &&
  hasAny(node, 'linkPatterns', 'menu', 'monitor', 'dependencies', 'archiveEnabled', 'tracking')

const isElastalert = (node: Node): boolean =>
  textOf(node.get('type')) !== undefined &&
  (hasAny(node, 'index', 'es_host', 'import') || has(node, 'filter', 'name') || (has(node, 'alert', 'name') && !has(node, 'expr')))

/** `{ <metric>: [{ type, help, unit }] }` */
const isMetadata = (node: Node): boolean => {
  const members = node.members.slice(0, 20)
  return (
    members.length > 0 && members.every(([, value]) => isArray(value) && isObject(value.items[0]) && has(value.items[0], 'type', 'help'))
  )
}

/** `{ <namespace>: [{ name, rules }] }`, as rulers answer. */
function kindOfNamespaces(node: Node): Kind | undefined {
  const members = node.members.slice(0, lookedAt)
  if (members.length === 0) return undefined
  const groups = members.flatMap(([, value]) => (isArray(value) ? value.items : []))
  if (groups.length === 0 || !members.every(([, value]) => isArray(value)) || !groups.every((group) => isArray(group.get('rules'))))
    return undefined
  return kindOfGroups(groups, 'prometheus-rules')
}

const isDatasource = (node: Node | undefined): boolean =>
  isObject(node) &&
  textOf(node.get('type')) !== undefined &&
  has(node, 'name') &&
  hasAny(node, 'access', 'uid', 'url', 'jsonData') &&
  !has(node, 'model')

function kindOfList(list: Node): readonly Kind[] {
  const { items } = list
  const [first] = items
  if (!isObject(first)) return []
  const objects = kindsOfObjects(items)
  if (objects !== undefined) return objects
  if (isKibanaRule(first)) return ['kibana-rules']
  if (isGrafanaRule(first)) return ['grafana-rules']
  if (isArray(first.get('rules'))) {
    const kind = kindOfGroups(items, 'prometheus-rules')
    return kind === undefined ? [] : [kind]
  }
  if (isLibraryPanel(first)) return ['grafana-library-panel']
  if (isDatasource(first)) return ['grafana-datasources']
  if (isWatch(first) || isWatch(first.get('watch'))) return ['watcher']
  return []
}

const isLibraryPanel = (node: Node | undefined): boolean =>
  isObject(node) && isObject(node.get('model')) && hasAny(node, 'name', 'uid') && !has(node, 'datasourceUid') && !has(node, 'data')

/** Kinds of a document; empty: nothing that is known. */
export function kindsOfDocument(node: Node): readonly Kind[] {
  if (isArray(node)) return kindOfList(node)
  if (!isObject(node)) return []
  const apiVersion = textOf(node.get('apiVersion'))
  const kind = textOf(node.get('kind'))
  if (apiVersion !== undefined && kind !== undefined) {
    const resource = kindOfResource(apiVersion, kind, node)
    return resource === undefined ? [] : [resource]
  }
  if (kind?.endsWith('List') === true && isArray(node.get('items'))) return ['kubernetes']
  const one = kindOfObject(node)
  return typeof one === 'string' ? [one] : (one ?? [])
}

function kindOfObject(node: Node): Kind | readonly Kind[] | undefined {
  const dashboard = node.get('dashboard')
  if (isObject(dashboard) && !has(node, 'trigger')) {
    if (isResourceSpec(dashboard)) return 'grafana-v2'
    if (isDashboard(dashboard)) return 'grafana-dashboard'
    const apiVersion = textOf(dashboard.get('apiVersion'))
    if (apiVersion !== undefined) return kindOfResource(apiVersion, textOf(dashboard.get('kind')) ?? '', dashboard)
  }
  const objects = node.get('objects') ?? node.get('saved_objects')
  if (isArray(objects)) return kindsOfObjects(objects.items)
  const type = savedObjectType(node)
  if (type !== undefined && (has(node, 'id') || has(node, '_id'))) return alertTypes.has(type) ? 'kibana-rules' : 'kibana'
  if (isSummary(node)) return []
  const groups = node.get('groups')
  if (isArray(groups)) return kindOfGroups(groups.items, has(node, 'apiVersion') ? 'grafana-rules' : 'prometheus-rules')
  const data = node.get('data')
  if (textOf(node.get('status')) === 'success' && isObject(data)) {
    if (isArray(data.get('groups'))) return kindOfGroups(data.get('groups')?.items ?? [], 'prometheus-rules')
    if (isMetadata(data)) return 'prometheus-metadata'
    const namespaces = kindOfNamespaces(data)
    if (namespaces !== undefined) return namespaces
  }
  if (isArray(data) && data.items[0] !== undefined && isKibanaRule(data.items[0])) return 'kibana-rules'
  if (isGrafanaRule(node)) return 'grafana-rules'
  if (isArray(node.get('rules')) && has(node, 'name')) return kindOfGroups([node], 'prometheus-rules')
  if (isKibanaRule(node)) return 'kibana-rules'
  if (isWatch(node) || isWatch(node.get('watch'))) return 'watcher'
  if (isDashboard(node)) return 'grafana-dashboard'
  if (isResourceSpec(node)) return 'grafana-v2'
  const result = node.get('result')
  if (isLibraryPanel(result) || isLibraryPanel(node) || isLibraryPanel(result?.get('elements')?.items[0])) return 'grafana-library-panel'
  if (isArray(node.get('datasources')) || (isArray(node.get('deleteDatasources')) && has(node, 'apiVersion'))) return 'grafana-datasources'
  if (isArray(node.get('providers'))) return 'grafana-providers'
  if (isObject(node.get('route')) && isArray(node.get('receivers'))) return 'alertmanager'
  if (has(node, 'apiVersion') && hasAny(node, 'contactPoints', 'policies', 'muteTimes', 'templates')) return 'grafana-notifications'
  if (has(node, 'rules_folder') || (has(node, 'es_host') && hasAny(node, 'run_every', 'writeback_index') && !has(node, 'type')))
    return 'elastalert-config'
  if (isElastalert(node)) return 'elastalert'
  if (isJaegerUi(node)) return 'jaeger-ui'
  return kindOfNamespaces(node) ?? (isMetadata(node) ? 'prometheus-metadata' : undefined)
}
