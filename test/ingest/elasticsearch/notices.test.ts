import { describe, expect, it } from 'vitest'
import { createNotices } from '../../../src/ingest/elasticsearch/notices.ts'
import { countsOf, createFakeDeps } from '../support/fakes.ts'

describe('createNotices', () => {
  it('counts pipelines by name, and tells each once', () => {
    const deps = createFakeDeps()
    const { pipeline } = createNotices(deps, 'ingest.beats')
    pipeline('a', 2)
    pipeline('b', 1)
    pipeline('a', 3)
    expect(countsOf(deps.metrics, 'otlp_bridge_elasticsearch_pipeline_ignored_total', 'pipeline')).toEqual({ a: 5, b: 1 })
    expect(deps.lines).toHaveLength(2)
  })

  it('tells of a bounded number of names, of bounded length', () => {
    const deps = createFakeDeps()
    const { pipeline, metricsAsLogs } = createNotices(deps, 'ingest.beats')
    for (let i = 0; i < 300; i++) {
      pipeline(`${'x'.repeat(200)}${i}`, 1)
      pipeline(`p${i}`, 1)
      metricsAsLogs(`d${i}`)
      metricsAsLogs(`d${i}`)
    }
    const counts = countsOf(deps.metrics, 'otlp_bridge_elasticsearch_pipeline_ignored_total', 'pipeline')
    expect(counts).toMatchObject({ ['x'.repeat(128)]: 300, p0: 1, other: 201 })
    expect(deps.lines).toHaveLength(200)
  })

  it('tells of a data set of metrics once, whatever comes between', () => {
    const deps = createFakeDeps()
    const { metricsAsLogs } = createNotices(deps, 'ingest.elasticsearch')
    for (const name of ['a', 'a', 'b', 'a', '', 'b']) metricsAsLogs(name)
    expect(deps.lines).toHaveLength(3)
  })
})
