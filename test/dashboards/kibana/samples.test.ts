import { describe, expect, it } from 'vitest'
import { grafanaDashboard } from '../../../dashboards/grafana/converter.ts'
import { convertKibana } from '../../../dashboards/kibana/converter.ts'
import { scoreOf } from '../../../dashboards/model.ts'
import { samples } from '../../support/dashboards/alerts.ts'
import { countQueries, faultyQueries, kibanaContext, layoutFaults, type Plain } from '../../support/dashboards/kibana.ts'

const all = samples('kibana')

describe('convertKibana of samples', () => {
  it.each(all)('finds every query of $path once', (source) => {
    const { items } = convertKibana(source, kibanaContext())
    expect(items).toHaveLength(countQueries(source.text))
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
  })

  it.each(all)('writes queries of $path that parse, of logs and of metrics', (source) => {
    const indices = { 'metricbeat-*': { as: 'metrics' as const, text_fields: [], keyword_fields: [] } }
    expect(faultyQueries(convertKibana(source, kibanaContext()).items)).toEqual([])
    expect(faultyQueries(convertKibana(source, kibanaContext({ indices })).items)).toEqual([])
  })

  it.each(all)('keeps the reading order of $path without overlaps', (source) => {
    for (const { text } of convertKibana(source, kibanaContext()).files)
      expect(layoutFaults((JSON.parse(text) as { panels: Plain[] }).panels)).toEqual([])
  })

  it.each(all)('gives the same bytes for $path, and a dashboard that another conversion leaves as it is', (source) => {
    const { files } = convertKibana(source, kibanaContext())
    expect(convertKibana(source, kibanaContext()).files).toEqual(files)
    for (const file of files) expect(grafanaDashboard.convert(file, kibanaContext()).files).toEqual([file])
  })

  it.each(all)('renames fields of $path and keeps objects, references and queries', (source) => {
    const context = kibanaContext({ to: 'kibana' })
    const { files, items } = convertKibana(source, context)
    const [file] = files
    expect(items).toHaveLength(countQueries(source.text))
    expect(countQueries(file?.text ?? '')).toBe(items.length)
    const references = (text: string): unknown =>
      text.startsWith('[')
        ? (JSON.parse(text) as Plain[]).map(({ _id, _type }) => [_id, _type])
        : text
            .split('\n')
            .flatMap((line) => (line === '' ? [] : [[(JSON.parse(line) as Plain).id, (JSON.parse(line) as Plain).references]]))
    expect(references(file?.text ?? '')).toEqual(references(source.text))
    expect(convertKibana({ path: source.path, text: file?.text ?? '' }, context).files).toEqual(files)
  })

  it.runIf(all.length > 0)('scores at least 0.75 over all queries', () => {
    const items = all.flatMap((source) => convertKibana(source, kibanaContext()).items)
    expect(scoreOf(items)).toBeGreaterThanOrEqual(0.75)
  })
})
