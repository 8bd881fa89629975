import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { contextOf, type NamingTable } from '../../support/dashboards/grafana.ts'
import { findQueries } from '../../support/dashboards/query-walker.ts'
import { sharedFolder } from '../../support/shared.ts'

const folder = resolve(sharedFolder, 'samples/grafana')
const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')) : []
if (names.length === 0) console.warn(`SKIPPED: ${folder} is absent, dashboards of others were not converted (set OTLP_BRIDGE_SHARED)`)

const read = (name: string): string => readFileSync(resolve(folder, name), 'utf8')
const convert = (path: string, text: string, table: NamingTable = {}) => {
  const converted = grafanaDashboard.convert({ path, text }, contextOf(table))
  return { ...converted, text: converted.files[0]?.text ?? '' }
}

/** Paths of strings, keys and the rest that differ. */
function differences(one: unknown, other: unknown, path = '$'): string[] {
  if (one === other) return []
  if (typeof one !== 'object' || typeof other !== 'object' || one === null || other === null) return [path]
  const left = one as Record<string, unknown>
  const right = other as Record<string, unknown>
  return [...new Set([...Object.keys(left), ...Object.keys(right)])].flatMap((key) => differences(left[key], right[key], `${path}.${key}`))
}

const renamed: NamingTable = {
  metrics: {
    node_load1: 'system_load_1m',
    node_cpu_seconds_total: 'system_cpu_seconds_total',
    etcd_server_has_leader: 'etcd.server.leader',
  },
  labels: {
    namespace: 'k8s_namespace_name',
    cluster: 'k8s_cluster_name',
    mountpoint: 'system_filesystem_mountpoint',
    device: 'system_device',
  },
}

describe.each(names)('%s', (name) => {
  it('is one item for every query that is found otherwise', () => {
    const text = read(name)
    const { items } = convert(name, text)
    expect(items).toHaveLength(findQueries(JSON.parse(text)).length)
    expect(new Set(items.map((item) => item.id)).size).toBe(items.length)
  })

  it('converted again changes nothing more, and the same conversion gives the same bytes', () => {
    for (const table of [{}, renamed]) {
      const text = read(name)
      const once = convert(name, text, table)
      expect(convert(name, text, table)).toEqual(once)
      if (table === renamed) continue
      expect(convert(name, once.text, table).text).toBe(once.text)
    }
  })

  it('is JSON, and where names change nothing but texts and keys of the same places does', () => {
    const text = read(name)
    const { text: after, items } = convert(name, text, renamed)
    const paths = differences(JSON.parse(text), JSON.parse(after))
    const expected =
      /\.(?:expr|query|definition|legendFormat|byField|datasource|hide|content|type|targets|current|options|list)\b|k8s_|system_|\.(?:namespace|cluster|mountpoint|device)$/
    if (!items.some((item) => item.status === 'unsupported')) expect(paths.filter((path) => !expected.test(path))).toEqual([])
  })
})

describe.skipIf(names.length === 0)('names that stay', () => {
  it.each(names.filter((name) => name !== 'otel-demo.json'))('leave %s byte for byte', (name) => {
    const text = read(name)
    const converted = convert(name, text)
    expect(converted.text).toBe(text)
    expect(converted.parts).toEqual([])
  })

  it('leave what is for Prometheus in a dashboard of several data sources', () => {
    const text = read('otel-demo.json')
    const { text: after, items } = convert('otel-demo.json', text)
    expect(items.filter((item) => item.language === 'promql').every((item) => item.status === 'unchanged')).toBe(true)
    const paths = differences(JSON.parse(text), JSON.parse(after))
    expect(paths.filter((path) => /\.expr$/.test(path) && !/panels\.(?:6|7|13)\b/.test(path))).toEqual([])
  })
})
