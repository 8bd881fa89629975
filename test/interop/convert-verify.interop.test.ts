/**
 * Dashboards and rules of others, measured: an old Prometheus scrapes node_exporter and a page with everything that the Kubernetes samples ask for, and sends it
 * through the bridge, which renames some of it, to a new Prometheus. `convert --verify` asks both, and whatever is called exact has to be the same.
 */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommandLine } from '../../src/cli/args.ts'
import { createTestIo } from '../cli/support/test-io.ts'
import { sharedFolder } from '../support/shared.ts'
import { present } from './peers.ts'
import { startWriteBridge, type WriteBridge } from './prometheus-bridge.ts'
import { remoteWrite } from './prometheus-lab.ts'
import { type NodeExporter, type Prometheus, startNodeExporter, startPrometheus } from './prometheus-peers.ts'

const samples = resolve(sharedFolder, 'samples')
const dashboards = ['node-exporter-nodes', 'k8s-apiserver', 'k8s-resources-cluster'].map((name) => join(samples, 'grafana', `${name}.json`))
const rules = ['kubernetes-rules', 'node-exporter-alerts'].map((name) => join(samples, 'prometheus-rules', `${name}.yaml`))

/** Seconds that both sides collect. */
const collected = Number(process.env['OTLP_BRIDGE_VERIFY_SECONDS'] ?? 240)

const mapping = `
metrics:
  - { match: node_load1, metric: host_load_one }
  - { match: node_cpu_seconds_total, metric: host_cpu_time_seconds_total, labels: { mode: state } }
  - { match: node_memory_MemTotal_bytes, metric: host_memory_megabytes, unit: MBy, factor: 0.000001 }
  - { match: container_memory_rss, metric: container_resident, labels: { namespace: ns } }
  - { match: kube_pod_info, metric: k8s_pod_details }
targets:
  metrics: { strategy: UnderscoreEscapingWithoutSuffixes }
`

/** Series that selectors of the samples ask for: name, and labels with a value that fits. */
function seriesOf(texts: readonly string[]): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  for (const text of texts) {
    for (const [, name = '', inside = ''] of text.matchAll(/([a-zA-Z_][\w:]*)\s*\{([^{}]*)\}/g)) {
      if (name.startsWith('node_') || name === 'up') continue
      const labels = new Map([
        ['namespace', 'shop'],
        ['pod', 'cart-0'],
        ['container', 'cart'],
        ['node', 'n1'],
        ['instance', 'i1'],
      ])
      for (const [, label = '', sign = '', value = ''] of inside.matchAll(/(\w+)\s*(=~|!=|!~|=)\s*"([^"]*)"/g)) {
        if (sign === '=' || sign === '=~')
          labels.set(label, /[$]/.test(value) ? (labels.get(label) ?? 'c1') : (value.split('|')[0] ?? '').replace(/[^\w/:-]/g, '') || 'x')
      }
      if (labels.get('cluster') === 'c1') labels.delete('cluster')
      found.set(`${name}${JSON.stringify([...labels])}`, new Map([['__name__', name], ...labels]))
    }
  }
  return found
}

/** A page of these series; counters grow, each at its own pace. */
function page(series: ReadonlyMap<string, ReadonlyMap<string, string>>, seconds: number): string {
  let index = 0
  const lines: string[] = []
  for (const labels of series.values()) {
    index++
    const name = labels.get('__name__') ?? ''
    const own = [...labels].filter(([label]) => label !== '__name__' && label !== 'le' && label !== 'job')
    const text = (more: readonly (readonly [string, string])[] = []): string =>
      [...own, ...more].map(([label, value]) => `${label}="${value}"`).join(',')
    const value = /_(total|count|sum)$/.test(name) ? seconds * (1 + index / 10) : 100 + index + Math.sin(seconds / 30 + index)
    if (!name.endsWith('_bucket')) lines.push(`${name}{${text()}} ${value}`)
    else
      for (const [at, le] of ['0.1', '1', '10', '+Inf'].entries())
        lines.push(`${name}{${text([['le', le]])}} ${Math.floor(seconds) * (at + 1) * (1 + (index % 5))}`)
  }
  return `${[...new Set(lines)].join('\n')}\n`
}

describe.runIf(present('prometheus-2', 'prometheus-3'))('what is called exact is the same in the new Prometheus', () => {
  let folder = ''
  let old: Prometheus | undefined
  let young: Prometheus | undefined
  let exporter: NodeExporter | undefined
  let bridge: WriteBridge | undefined
  const begun = Date.now()
  const server = createServer((_request, response) => {
    response.setHeader('content-type', 'text/plain; version=0.0.4')
    response.end(page(wanted, (Date.now() - begun) / 1000))
  })
  let wanted = new Map<string, Map<string, string>>()

  beforeAll(
    async () => {
      folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-verify-'))
      await writeFile(join(folder, 'mapping.yaml'), mapping)
      const files = [...dashboards, ...rules].filter((file) => /kube|k8s/.test(file))
      const texts = await Promise.all(files.map(async (file) => (await readFile(file, 'utf8')).replaceAll('\\"', '"')))
      wanted = seriesOf(texts)
      server.listen(0, '127.0.0.1')
      await new Promise((settle) => server.once('listening', settle))
      const target = `127.0.0.1:${(server.address() as AddressInfo).port}`
      exporter = await startNodeExporter()
      young = await startPrometheus({
        major: 3,
        config: () => ({
          otlp: { translation_strategy: 'UnderscoreEscapingWithoutSuffixes' },
          storage: { tsdb: { out_of_order_time_window: '30m' } },
        }),
        flags: ['--web.enable-otlp-receiver'],
      })
      bridge = await startWriteBridge({ young: `${young.url}/api/v1/otlp` }, { names: 'semconv', mapping: join(folder, 'mapping.yaml') })
      const { url } = bridge
      const { target: node } = exporter
      old = await startPrometheus({
        major: 2,
        config: () => ({
          global: { scrape_interval: '5s' },
          scrape_configs: [
            { job_name: 'node', static_configs: [{ targets: [node] }] },
            ...['kube-state-metrics', 'cadvisor', 'kube-apiserver', 'kubelet', 'kube-scheduler'].map((job) => ({
              job_name: job,
              honor_labels: true,
              static_configs: [{ targets: [target] }],
            })),
          ],
          remote_write: [remoteWrite(url, 1, '1.0')],
        }),
      })
      await delay(collected * 1000)
    },
    (collected + 120) * 1000,
  )

  afterAll(async () => {
    await old?.stop()
    await bridge?.stop()
    await young?.stop()
    await exporter?.stop()
    server.close()
    await rm(folder, { recursive: true, force: true })
  })

  interface Listed {
    readonly id: string
    readonly status: string
    readonly before: string
    readonly after: string
    readonly verify: { readonly verdict: string; readonly text: string } | null
  }

  async function measured(family: string, sources: readonly string[]): Promise<readonly Listed[]> {
    const io = createTestIo()
    const report = join(folder, `report-${family}`)
    const at = new Date(Date.now() - 20_000).toISOString()
    const asked = [
      '--verify',
      '--old',
      old?.url ?? '',
      '--new',
      young?.url ?? '',
      '--at',
      at,
      '--window',
      '2m',
      '--since',
      '3m',
      '--rate',
      '1000',
    ]
    const code = await runCommandLine(
      ['convert', family, ...sources, '--mapping', join(folder, 'mapping.yaml'), '-o', join(folder, family), '--report', report, ...asked],
      io,
    )
    const { sources: read } = JSON.parse(await readFile(join(report, 'report.json'), 'utf8')) as { sources: { items: Listed[] }[] }
    const items = read.flatMap((source) => source.items)
    const table = new Map<string, number>()
    for (const { status, verify } of items)
      table.set(`${status}/${verify?.verdict ?? '-'}`, (table.get(`${status}/${verify?.verdict ?? '-'}`) ?? 0) + 1)
    console.log(family, code, Object.fromEntries(table), io.stderr().split('\n').at(-2))
    for (const { id, status, before, after, verify } of items)
      if (/different|error|empty-new|empty-old/.test(verify?.verdict ?? '')) console.log(status, id, verify, '\n  ', before, '\n  ', after)
    return items
  }

  it.each([
    ['dashboards', dashboards],
    ['alerts', rules],
  ])(
    '%s',
    async (family, sources) => {
      const items = await measured(family, sources)
      const proven = items.filter(({ status }) => status === 'exact' || status === 'unchanged')
      const verdicts = new Set(proven.flatMap(({ verify }) => (verify === null ? [] : [verify.verdict])))
      for (const bad of ['different', 'close', 'empty-new', 'empty-old', 'error-old', 'error-new']) expect([...verdicts]).not.toContain(bad)
      expect(proven.filter(({ verify }) => verify?.verdict === 'same').length).toBeGreaterThan(family === 'dashboards' ? 15 : 5)
      expect(items.some(({ status, verify }) => status === 'exact' && verify?.verdict === 'same')).toBe(true)
    },
    300_000,
  )
})
