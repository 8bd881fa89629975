import { describe, expect, it } from 'vitest'
import { createExposition } from '../../src/telemetry/exposition.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

describe('createExposition', () => {
  it('writes counters, gauges refreshed and histograms with cumulative buckets', async () => {
    const metrics = createMetrics()
    metrics.counter('otlp_bridge_notes_total', { format: 'zipkin-json', reason: 'a "quoted"\nreason' }).value = 3
    const gauge = metrics.gauge('otlp_bridge_queue_bytes')
    metrics.onCollect(() => {
      gauge.value = 77
    })
    const stage = metrics.histogram('otlp_bridge_stage_seconds', { stage: 'send', format: 'x' })
    for (const seconds of [0.00005, 0.3, 100]) stage.observe(seconds)

    const { text, contentType } = await createExposition(metrics)()

    expect(contentType).toContain('text/plain')
    expect(text).toContain('# TYPE otlp_bridge_notes_total counter')
    expect(text).toContain('otlp_bridge_notes_total{format="zipkin-json",reason="a \\"quoted\\"\\nreason"} 3')
    expect(text).toContain('otlp_bridge_queue_bytes 77')
    expect(text).toContain('otlp_bridge_stage_seconds_bucket{stage="send",format="x",le="0.0001"} 1')
    expect(text).toContain('otlp_bridge_stage_seconds_bucket{stage="send",format="x",le="0.5"} 2')
    expect(text).toContain('otlp_bridge_stage_seconds_bucket{stage="send",format="x",le="+Inf"} 3')
    expect(text).toContain('otlp_bridge_stage_seconds_count{stage="send",format="x"} 3')
    expect(text).toMatch(/process_resident_memory_bytes \d+/)
  })

  it('reads the cells anew at each scrape', async () => {
    const metrics = createMetrics()
    const scrape = createExposition(metrics)
    const cell = metrics.counter('otlp_bridge_retries_total', { destination: 'd', reason: 'r' })
    await scrape()
    cell.value = 5
    expect((await scrape()).text).toContain('otlp_bridge_retries_total{destination="d",reason="r"} 5')
  })
})
