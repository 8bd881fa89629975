/**
 * How long `convert dashboards` takes, and how much memory: 1,000 dashboards of 30 panels by default, two queries a panel, a third of the names renamed.
 * `npm run build && node bench/convert.ts [dashboards] [panels]`; the command runs as users run it, by its launcher.
 */

import { spawn } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const [dashboards = 1000, panels = 30] = process.argv.slice(2).map(Number)
const folder = await mkdtemp(join(tmpdir(), 'bench-convert-'))

const queries = [
  'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle", job="$job"}[$__rate_interval]))',
  'histogram_quantile(0.99, sum by (le, handler) (rate(http_request_duration_seconds_bucket{job=~"$job", code!~"5.."}[5m])))',
  '100 * (1 - node_memory_MemAvailable_bytes{instance="$instance"} / node_memory_MemTotal_bytes{instance="$instance"})',
  'topk(5, sum by (pod, namespace) (container_memory_working_set_bytes{container!="", namespace="$namespace"}))',
  'sum(rate(legacy_requests_total{job="$job"}[5m])) / ignoring (code) group_left sum(rate(legacy_requests_all_total[5m]))',
]

/** A dashboard as Grafana 10 exports it. */
const dashboard = (number: number): string =>
  JSON.stringify(
    {
      title: `Dashboard ${number}`,
      uid: `bench-${number}`,
      tags: [`team-${number % 20}`],
      schemaVersion: 39,
      templating: {
        list: ['job', 'instance', 'namespace'].map((name) => ({
          name,
          type: 'query',
          datasource: { type: 'prometheus', uid: 'p' },
          query: `label_values(up2, ${name})`,
        })),
      },
      panels: Array.from({ length: panels }, (_, at) => ({
        id: at + 1,
        type: 'timeseries',
        title: `Panel ${at}`,
        gridPos: { h: 8, w: 8, x: (at % 3) * 8, y: Math.floor(at / 3) * 8 },
        datasource: { type: 'prometheus', uid: 'p' },
        fieldConfig: {
          defaults: {
            unit: 'short',
            custom: { lineWidth: 1, fillOpacity: 10 },
            thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }] },
          },
          overrides: [],
        },
        options: { legend: { displayMode: 'table', placement: 'bottom' }, tooltip: { mode: 'multi' } },
        targets: ['A', 'B'].map((refId, nth) => ({
          refId,
          expr: queries[(number + at + nth) % queries.length],
          legendFormat: '{{instance}}',
        })),
      })),
    },
    null,
    2,
  )

for (let number = 0; number < dashboards; number++) {
  const team = join(folder, 'in', `team-${number % 20}`)
  if (number < 20) await mkdir(team, { recursive: true })
  await writeFile(join(team, `${number}.json`), dashboard(number))
}
await writeFile(join(folder, 'mapping.yaml'), 'metrics:\n  legacy_requests_total: {name: requests_total}\nlabels: {pod: k8s.pod.name}\n')

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`

interface Measured {
  readonly seconds: number
  /** Of all threads; what counts on a machine that others use, too. */
  readonly cpu: number
  readonly rss: number
}

async function measured(extra: readonly string[]): Promise<Measured> {
  const begun = performance.now()
  const child = spawn(
    'bin/otlp-bridge',
    ['convert', 'dashboards', join(folder, 'in'), '-o', join(folder, 'out'), '--mapping', join(folder, 'mapping.yaml'), ...extra],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  let rss = 0
  let cpu = 0
  const look = setInterval(() => {
    readFile(`/proc/${child.pid}/status`, 'utf8').then(
      (status) => {
        rss = Math.max(rss, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024)
      },
      () => {},
    )
    readFile(`/proc/${child.pid}/stat`, 'utf8').then(
      (stat) => {
        const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        // In ticks of 10 ms.
        cpu = (Number(fields[11]) + Number(fields[12])) / 100
      },
      () => {},
    )
  }, 20)
  const said: Buffer[] = []
  child.stderr.on('data', (piece: Buffer) => said.push(piece))
  const code = await new Promise<number | null>((done) => child.on('close', done))
  clearInterval(look)
  if (code !== 0 && code !== 1) throw new Error(`cannot measure: exit code ${code}\n${Buffer.concat(said)}`)
  return { seconds: (performance.now() - begun) / 1000, cpu, rss }
}

try {
  const all = (await readdir(join(folder, 'in'), { recursive: true })).filter((name) => name.endsWith('.json')).length
  console.log(`${all} dashboards of ${panels} panels, ${panels * 2 + 3} queries each`)
  console.log('what                     seconds   CPU s   dashboards/CPU s   memory at the most')
  for (const [name, extra] of [
    ['convert', []],
    ['convert with report', ['--report', join(folder, 'report')]],
  ] as const) {
    const { seconds, cpu, rss } = await measured(extra)
    console.log(
      `${name.padEnd(24)} ${seconds.toFixed(1).padStart(7)} ${cpu.toFixed(1).padStart(7)} ${(all / cpu).toFixed(0).padStart(18)} ${megabytes(rss).padStart(20)}`,
    )
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
