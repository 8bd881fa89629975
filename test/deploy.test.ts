/** What lies in deploy/, and what the pages say to alert on: configurations are valid, metrics and their labels exist. */

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { loadBridgeConfig } from '../src/config/compose.ts'
import { probeName } from '../src/preflight/probes.ts'
import { refuseIdleMirrors } from '../src/sides.ts'
import { metricTable } from '../src/telemetry/metric-table.ts'

const root = join(import.meta.dirname, '..')
const text = (file: string): string => readFileSync(join(root, file), 'utf8')
const below = (folder: string, end: string): string[] =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith(end))
    .map((name) => `${folder}/${name}`)

describe('deploy/kubernetes', () => {
  it.each(below('deploy/kubernetes', '.yaml'))('%s holds a configuration that starts', async (file) => {
    const documents = parseAllDocuments(text(file)).map((one) => one.toJS() as { kind: string; data?: Record<string, string> })
    const configured = documents.flatMap(({ data }) => data?.['bridge.yaml'] ?? [])
    expect(configured).toHaveLength(1)
    const folder = mkdtempSync(join(tmpdir(), 'deploy-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'bridge.yaml'), configured[0] ?? '')
    const env = { OTLP_BRIDGE_ADMIN_USER: 'operator', OTLP_BRIDGE_ADMIN_PASSWORD: 'a-password' }
    refuseIdleMirrors(await loadBridgeConfig({ config: join(folder, 'bridge.yaml') }, env))
  })
})

const table: Readonly<Record<string, { readonly labels: readonly string[] }>> = metricTable

/** Names of metrics in a text that we do not have, and labels that a metric of ours does not have. */
function strangers(said: string): string[] {
  const found: string[] = []
  // A name that ends in an underscore stands for several.
  for (const [, name = '', , labels = ''] of said.matchAll(/\b(otlp_bridge_\w*[a-z])\b(?!_)(\{([^}]*)\})?/g)) {
    const known = table[name] ?? table[name.replace(/_(bucket|sum|count)$/, '')]
    if (known === undefined && name !== probeName) found.push(name)
    for (const [, label = ''] of labels.matchAll(/(\w+)\s*=/g)) if (known?.labels.includes(label) === false) found.push(`${name}{${label}}`)
  }
  return found
}

describe('metrics that are named', () => {
  it.each(['otlp_bridge_no_such_thing > 0', 'otlp_bridge_books_lost_lines_total{destination="x"}'])(
    'are known when they are wrong: %s',
    (said) => {
      expect(strangers(said)).toHaveLength(1)
    },
  )

  it.each([...below('deploy/monitoring', '.yaml'), 'docs/operate.md', 'docs/cutover.md', 'docs/books.md', 'docs/zipkin.md'])(
    '%s',
    (file) => {
      expect(strangers(text(file))).toEqual([])
    },
  )

  it('stand in rules that say what happened', () => {
    const { groups } = parse(text('deploy/monitoring/alerts.yaml')) as {
      groups: { rules: { alert: string; expr: string; annotations: { summary: string } }[] }[]
    }
    const rules = groups.flatMap((one) => one.rules)
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length)
    for (const { expr, annotations } of rules) {
      expect(expr).toContain('otlp_bridge_')
      // Only labels that the aggregation keeps can be said.
      const kept = [...expr.matchAll(/by \(([^)]*)\)/g)].flatMap(([, names]) => (names ?? '').split(/,\s*/))
      for (const [, label] of annotations.summary.matchAll(/\$labels\.(\w+)/g)) expect(kept).toContain(label)
    }
  })
})
