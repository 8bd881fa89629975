/** Loki itself as the judge of converted alert rules: every expression is asked once, and every rule file is read by its ruler. */

import { execFile } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import type { Item } from '../../dashboards/model.ts'
import { elastalertConverter } from '../../dashboards/rules/elastalert.ts'
import { kibanaRulesConverter } from '../../dashboards/rules/kibana-rules.ts'
import { watcherConverter } from '../../dashboards/rules/watcher.ts'
import { alertContext, alertIndices, samples } from '../support/dashboards/alerts.ts'
import { elastalertCases, elastalertSource } from '../support/dashboards/elastalert-cases.ts'
import { kibanaCases, kibanaSource } from '../support/dashboards/kibana-rule-cases.ts'
import { watchCases } from '../support/dashboards/watcher-cases.ts'
import { hasLoki, startLoki } from './loki-peer.ts'
import { binaries } from './peers.ts'

const files = { 'bad.txt': 'eve\nmallory\n' }
const context = alertContext({ indices: alertIndices, acceptApproximate: true }, files)

const converted = [
  ...elastalertCases.map((one) => elastalertConverter.convert(elastalertSource(one), context)),
  ...watchCases.map(({ name, watch }) => watcherConverter.convert({ path: `${name}.json`, text: JSON.stringify(watch) }, context)),
  ...kibanaCases.map((one) => kibanaRulesConverter.convert(kibanaSource(one), context)),
  ...samples('elastalert').map((source) => elastalertConverter.convert(source, context)),
  ...samples('watcher').map((source) => watcherConverter.convert(source, context)),
  ...samples('kibana-rules').map((source) => kibanaRulesConverter.convert(source, context)),
]

const expressions = converted
  .flatMap(({ items }) => items)
  .filter((item): item is Item & { after: string } => item.afterLanguage === 'logql' && item.after !== undefined)
  .flatMap(({ title, after }) => after.split('\n').map((expr) => [title, expr] as const))

describe.skipIf(!hasLoki())('rules that were converted', () => {
  let loki: Awaited<ReturnType<typeof startLoki>>
  let base = ''

  beforeAll(async () => {
    loki = await startLoki()
    base = `http://127.0.0.1:${loki.ports.http}/loki/api/v1`
  }, 120_000)

  afterAll(() => loki?.stop())

  it('are more than a few', () => {
    expect(expressions.length).toBeGreaterThan(60)
  })

  it('are expressions that Loki evaluates', async () => {
    const refused: string[] = []
    for (const [title, expr] of expressions) {
      const answer = await fetch(`${base}/query?query=${encodeURIComponent(expr)}`)
      const text = await answer.text()
      if (answer.status !== 200) refused.push(`${title}: ${answer.status} ${text.trim()} ${expr}`)
    }
    expect(refused).toEqual([])
  }, 300_000)

  it('are judged: what is no LogQL is refused', async () => {
    const group = { name: 'g', rules: [{ alert: 'a', expr: 'sum(count_over_time({a="b"} |= [5m]))' }] }
    const answer = await fetch(`${base}/rules/converted`, {
      method: 'POST',
      headers: { 'content-type': 'application/yaml' },
      body: JSON.stringify(group),
    })
    expect(answer.status).toBe(400)
  })

  it('stand in files whose groups the ruler reads', async () => {
    const refused: string[] = []
    for (const { path, text } of converted.flatMap((one) => one.files).filter((one) => one.path.endsWith('.loki.yaml'))) {
      for (const group of (parse(text) as { groups: unknown[] }).groups) {
        const answer = await fetch(`${base}/rules/converted`, {
          method: 'POST',
          headers: { 'content-type': 'application/yaml' },
          body: JSON.stringify(group),
        })
        // The rule store is read-only here: 500 comes after the group was read.
        if (answer.status !== 500 && answer.status !== 202) refused.push(`${path}: ${answer.status} ${await answer.text()}`)
      }
    }
    expect(refused).toEqual([])
  }, 300_000)

  it('fire for the documents for which the old rules did', async () => {
    const now = Date.now()
    // Seconds ago, user, host, status, took.
    const documents: readonly (readonly [number, string, string, number, number])[] = [
      ...Array.from({ length: 5 }, (_, at) => [100 + at, 'alice', 'h1', 200, at + 1] as const),
      [30, 'alice', 'h1', 200, 6],
      [31, 'bob', 'h1', 200, 7],
      [120, 'bob', 'h1', 200, 8],
      [121, 'bob', 'h2', 500, 9],
      [20, 'eve', 'h2', 500, 10],
      [420, 'carol', 'h1', 200, 11],
      [5400, 'alice', 'h1', 200, 1],
      [5401, 'bob', 'h1', 200, 1],
    ]
    const values = documents
      .toSorted((one, other) => other[0] - one[0])
      .map(([ago, user, host_name, status, took]) => [
        `${now - ago * 1000}000000`,
        'a line',
        { user, host_name, status: String(status), took: String(took) },
      ])
    const pushed = await fetch(`${base}/push`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ streams: [{ stream: { app: 'shop', service_name: 'shop' }, values }] }),
    })
    expect(pushed.status).toBe(204)
    const firing: Record<string, readonly string[]> = {
      any: ['{}'],
      'any, grouped': ['alice', 'bob', 'eve'],
      'frequency that asks for terms': ['alice', 'bob'],
      'spike up': ['{}'],
      'spike down': [],
      flatline: [],
      'flatline of keys that are forgotten': ['bob', 'carol', 'eve'],
      'blacklist with a file': ['{}'],
      'whitelist without documents that lack the field': ['{}'],
      'new terms remembered for 30 days': ['eve'],
      'cardinality above and below': [],
      'metric aggregation': [],
      'metric aggregation of a percentile': ['alice', 'bob'],
      'metric aggregation of different values': ['{}'],
      'metric aggregation of a number of values': ['{}'],
      'spike of a sum': ['{}'],
      'percentage above': [],
      'percentage below, where nothing may match': ['h2'],
    }
    const found: Record<string, readonly string[]> = {}
    for (const name of Object.keys(firing)) {
      const one = elastalertCases.find((each) => each.name === name)
      const answer = await fetch(`${base}/query?query=${encodeURIComponent(one?.expr ?? '')}&time=${now}000000`)
      const { data } = (await answer.json()) as { data: { result: { metric: Record<string, string> }[] } }
      found[name] = data.result.map(({ metric }) => metric['user'] ?? metric['host_name'] ?? '{}').sort()
    }
    expect(found).toEqual(firing)
  }, 60_000)
})

const promtool = existsSync(binaries)
  ? readdirSync(binaries)
      .filter((name) => name.startsWith('promtool-'))
      .map((name) => join(binaries, name))[0]
  : undefined
if (promtool === undefined) console.warn(`SKIPPED: no promtool in ${binaries}, rules for Prometheus were not checked`)

describe.skipIf(promtool === undefined)('rules that became PromQL', () => {
  it('pass promtool', async () => {
    const rules = converted.flatMap((one) => one.files).filter(({ path }) => path.endsWith('.prometheus.yaml'))
    expect(rules.length).toBeGreaterThan(2)
    const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-rules-'))
    try {
      const names = await Promise.all(
        rules.map(async ({ text }, at) => {
          await writeFile(join(folder, `${at}.yaml`), text)
          return join(folder, `${at}.yaml`)
        }),
      )
      const { stdout } = await promisify(execFile)(promtool ?? '', ['check', 'rules', '--lint=none', ...names])
      expect(stdout).toContain('SUCCESS')
    } finally {
      await rm(folder, { recursive: true })
    }
  }, 60_000)
})
