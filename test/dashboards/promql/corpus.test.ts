import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parser as logql } from '@grafana/lezer-logql'
import { describe, expect, it } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { maskQuery } from '../../../dashboards/promql/mask.ts'
import { parsePromql } from '../../../dashboards/promql/parse.ts'
import { promqlRewriter, type Setting } from '../../support/dashboards/promql.ts'
import { sharedFolder } from '../../support/shared.ts'

const samples = join(sharedFolder, 'samples')
if (!existsSync(samples)) console.warn(`SKIPPED: ${samples} is absent, expressions of others were not parsed`)

/** Every `expr` in a file, wherever it stands, and queries of the form `label_values(…)` are none. */
function expressionsIn(value: unknown, found: string[]): string[] {
  if (Array.isArray(value)) for (const one of value) expressionsIn(one, found)
  else if (typeof value === 'object' && value !== null) {
    for (const [key, one] of Object.entries(value)) {
      if (key === 'expr' && (typeof one === 'string' || typeof one === 'number')) found.push(String(one))
      else expressionsIn(one, found)
    }
  }
  return found
}

const folders = ['grafana', 'grafana-alerts', 'prometheus-rules']
const files = existsSync(samples)
  ? folders.flatMap((folder) =>
      readdirSync(join(samples, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(samples, folder, name)),
    )
  : []
const expressions = files
  .filter((file) => /\.(?:json|ya?ml)$/.test(file))
  .flatMap((file) => {
    const text = readFileSync(file, 'utf8')
    const values: unknown[] = file.endsWith('.json') ? [JSON.parse(text)] : parseAllDocuments(text).map((document) => document.toJS())
    // Dashboards within ConfigMaps are JSON in a text.
    const inner = values.flatMap((value) => Object.values((value as { data?: Record<string, unknown> } | null)?.data ?? {}))
    const dashboards = inner.flatMap((one) => (typeof one === 'string' && one.startsWith('{') ? [JSON.parse(one) as unknown] : []))
    return expressionsIn([...values, ...dashboards], [])
  })

const isLogql = (text: string): boolean => {
  let fine = true
  logql.parse(maskQuery(text, undefined, 'logql').text).iterate({ enter: ({ type }) => void (fine &&= !type.isError) })
  return fine
}

describe.skipIf(expressions.length === 0)('expressions of the samples', () => {
  it('all parse once their variables are masked, but those of Loki, which parse as LogQL', () => {
    const others = expressions.filter((text) => typeof parsePromql(maskQuery(text).text) === 'string')
    expect(others.filter((text) => !isLogql(text))).toEqual([])
    expect(others.every((text) => /\{[^}]*\}\s*(?:\|[=~|]?|!=|!~|\)|\[)/.test(text))).toBe(true)
    expect(expressions.length).toBeGreaterThan(300)
  })

  const settings: readonly (readonly [string, Setting])[] = [
    ['names that stay', {}],
    [
      'scales and labels of the resource',
      {
        mapping: { metrics: { '*_seconds*': { factor: 1000 }, '*_bytes': { factor: 0.001 } } },
        translate: { resourceLabels: ['cluster', 'namespace', 'pod'] },
      },
    ],
    [
      'native histograms and quoted names',
      { mapping: { metrics: { 'node_*': { name: 'a.b' } } }, targets: { native_histograms: true, strategy: 'NoUTF8EscapingWithSuffixes' } },
    ],
  ]
  it.each(settings)('go through, and what is written parses: %s', (name, setting) => {
    const rewrite = promqlRewriter(setting)
    for (const text of new Set(expressions)) {
      const { after, status, edits } = rewrite(text)
      if (typeof parsePromql(maskQuery(text).text) === 'string') expect(after).toBe(text)
      else expect(typeof parsePromql(maskQuery(after).text), after).toBe('object')
      if (name === 'names that stay') expect(after).toBe(text)
      if (status === 'unchanged') expect(edits).toEqual([])
    }
  })
})
