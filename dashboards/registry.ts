/** Kinds of inputs. A new kind is a row here and, once something converts it, a line of `converters.ts`. */

import type { Converted } from './model.ts'
import type { Context } from './options.ts'

export interface Source {
  /** As given, relative to the folder that was given; for reports and names of outputs. */
  readonly path: string
  readonly text: string
}

export interface Converter {
  /** `grafana-dashboard`, `prometheus-rules`, … as --from takes it. */
  readonly kind: Kind
  convert(source: Source, context: Context): Converted
}

export interface KindRow {
  /** `context`: it is read for what it says of others, and not converted itself. */
  readonly family: 'dashboards' | 'alerts' | 'context'
  /** What it is, in a few words. */
  readonly title: string
}

/** Everything that is recognised: section 2 of the conversion reference. */
export const kinds = {
  'grafana-dashboard': { family: 'dashboards', title: 'dashboard of Grafana, schema 6 to 42' },
  'grafana-v1': { family: 'dashboards', title: 'dashboard of Grafana as a resource, v1' },
  'grafana-v2': { family: 'dashboards', title: 'dashboard of Grafana as a resource, v2' },
  'grafana-library-panel': { family: 'dashboards', title: 'library panel of Grafana' },
  'grafana-datasources': { family: 'dashboards', title: 'data sources of Grafana (provisioning)' },
  'grafana-providers': { family: 'dashboards', title: 'dashboard providers of Grafana (provisioning)' },
  kibana: { family: 'dashboards', title: 'saved objects of Kibana' },
  'jaeger-ui': { family: 'dashboards', title: 'configuration of the Jaeger UI' },
  'trace-links': { family: 'dashboards', title: 'links to Jaeger or Zipkin, one a line' },
  'console-template': { family: 'dashboards', title: 'console template of Prometheus' },
  kubernetes: { family: 'dashboards', title: 'ConfigMap, Secret, list or resource of Grafana around others' },
  'prometheus-rules': { family: 'alerts', title: 'rules of Prometheus, Mimir, Thanos or the ruler of Loki' },
  alertmanager: { family: 'alerts', title: 'configuration of the Alertmanager' },
  'grafana-rules': { family: 'alerts', title: 'rules that Grafana manages' },
  'grafana-notifications': { family: 'alerts', title: 'contact points and notification policies of Grafana' },
  elastalert: { family: 'alerts', title: 'rules of ElastAlert' },
  watcher: { family: 'alerts', title: 'watch of Elasticsearch' },
  'kibana-rules': { family: 'alerts', title: 'rules of Kibana' },
  'elastalert-config': { family: 'context', title: 'configuration of ElastAlert' },
  'prometheus-metadata': { family: 'context', title: 'answer of /api/v1/metadata' },
} as const satisfies Readonly<Record<string, KindRow>>

export type Kind = keyof typeof kinds

export const isKind = (word: string): word is Kind => Object.hasOwn(kinds, word)
