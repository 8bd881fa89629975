/** Commands that load what was written: they are printed, never run. */

import type { ReportSource } from './model.ts'

/** A word for a shell: in single quotes where anything in it could be more than a word. */
export const shellWord = (text: string): string => (/^[\w./:@%+=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)

const has = (sources: readonly ReportSource[], test: (path: string, source: ReportSource) => boolean): boolean =>
  sources.some((source) => source.output.some((path) => test(path, source)))

/** One line each; `OUT` is the folder of `-o`. Empty: nothing that is loaded by a command. */
export function commandsFor(sources: readonly ReportSource[]): readonly string[] {
  const commands: string[] = []
  const isDashboard = ({ kind }: ReportSource): boolean =>
    kind.startsWith('grafana-') && kind !== 'grafana-rules' && kind !== 'grafana-datasources'
  if (has(sources, (path, source) => path.endsWith('.json') && (isDashboard(source) || source.kind === 'kibana'))) {
    commands.push(
      '# dashboards into Grafana: one after the other, over those with the same uid',
      'find "$OUT" -name "*.json" -exec sh -c \'jq "{dashboard: ((.dashboard // .) | .id = null), overwrite: true}" "$1" | curl -sf -H "Authorization: Bearer $GRAFANA_TOKEN" -H "Content-Type: application/json" --data-binary @- "$GRAFANA_URL/api/dashboards/db"\' _ {} \\;',
    )
  }
  if (has(sources, (path) => path.endsWith('.ndjson')))
    commands.push(
      '# saved objects into Kibana',
      'for f in "$OUT"/*.ndjson; do curl -sf -H "kbn-xsrf: true" -H "Authorization: ApiKey $KIBANA_API_KEY" -F "file=@$f" "$KIBANA_URL/api/saved_objects/_import?overwrite=true"; done',
    )
  const rules = (test: (path: string, source: ReportSource) => boolean) =>
    has(sources, (path, source) => /\.ya?ml$/.test(path) && test(path, source))
  if (rules((path) => path.includes('.loki.') || path.includes('loki-rules')))
    commands.push(
      '# rules into the ruler of Loki',
      'find "$OUT" -name "*loki*.yaml" -exec lokitool rules load --address="$LOKI_URL" --id="$TENANT" {} +',
    )
  if (rules((path, { kind }) => kind === 'prometheus-rules' && !path.includes('grafana')))
    commands.push(
      '# rules of Prometheus: check them, put them where rule_files looks, reload',
      'find "$OUT" -name "*.y*ml" -exec promtool check rules {} +',
    )
  if (rules((path, { kind }) => path.includes('grafana') || kind === 'grafana-rules'))
    commands.push(
      '# rules that Grafana manages: by provisioning',
      'cp "$OUT"/*.yaml /etc/grafana/provisioning/alerting/ # then restart, or POST /api/admin/provisioning/alerting/reload',
    )
  return commands
}
