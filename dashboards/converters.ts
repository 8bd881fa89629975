/** What converts each kind. It stands apart from the registry, which all of them import. */

import type { Converter, Kind } from './registry.ts'

/** Loads what converts a kind; a kind without a line is listed as known and not converted. One line each. */
export const converters: Readonly<Partial<Record<Kind, () => Promise<Converter>>>> = {
  'grafana-dashboard': async () => (await import('./grafana/converter.ts')).grafanaDashboard,
  'grafana-v1': async () => (await import('./grafana/converter.ts')).grafanaV1,
  'grafana-v2': async () => (await import('./grafana/converter.ts')).grafanaV2,
  'grafana-library-panel': async () => (await import('./grafana/converter.ts')).grafanaLibraryPanel,
  'grafana-datasources': async () => (await import('./grafana/converter.ts')).grafanaDatasources,
  'grafana-providers': async () => (await import('./grafana/converter.ts')).grafanaProviders,
  kibana: async () => (await import('./kibana/converter.ts')).kibana,
  'jaeger-ui': async () => (await import('./traces/jaeger-ui.ts')).jaegerUi,
  'console-template': async () => (await import('./promql/console.ts')).consoleTemplate,
  'prometheus-rules': async () => (await import('./rules/prometheus-rules.ts')).prometheusRules,
  alertmanager: async () => (await import('./rules/alertmanager.ts')).alertmanager,
  'grafana-rules': async () => (await import('./rules/grafana-managed.ts')).grafanaRulesConverter,
  elastalert: async () => (await import('./rules/elastalert.ts')).elastalertConverter,
  watcher: async () => (await import('./rules/watcher.ts')).watcherConverter,
  'kibana-rules': async () => (await import('./rules/kibana-rules.ts')).kibanaRulesConverter,
}
