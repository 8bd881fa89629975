/** What preflight says of real destinations before a back-fill: mapping/backfill.md §5. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { preflight } from '../../src/cli/preflight.ts'
import type { Finding } from '../../src/preflight/finding.ts'
import { createTestIo } from '../cli/support/test-io.ts'
import { hasLoki, startLoki } from './loki-peer.ts'
import { type JaegerPorts, type Peer, present, startJaeger } from './peers.ts'
import { type Prometheus, startPrometheus } from './prometheus-peers.ts'

async function run(endpoint: string, queryUrl: readonly string[], since = '14d') {
  const io = createTestIo()
  const set = [`emit.endpoint=${endpoint}`, 'admin.port=0']
  const code = await preflight({ set, queryUrl, json: true, for: 'backfill', since }, io, { subject: { readBackMs: 6000 } })
  const { findings } = JSON.parse(io.stdout()) as { findings: Finding[] }
  const of = (signal: string) => findings.filter(({ about, check }) => about.startsWith(`default, ${signal}`) && check !== 'clock')
  return { code, findings, of }
}

const lines = (findings: readonly Finding[]): string[] =>
  findings.map(({ level, about, seen }) => `${level} ${about.replace('default, ', '')}: ${seen}`)

describe.skipIf(!present('prometheus-3'))('preflight --for backfill and Prometheus 3', () => {
  const flags = ['--web.enable-otlp-receiver', '--storage.tsdb.retention.time=10y']
  const config = (storage: object) => ({ global: { scrape_interval: '1h' }, ...storage })
  let plain: Prometheus
  let patient: Prometheus
  beforeAll(async () => {
    plain = await startPrometheus({ major: 3, config: () => config({}), flags })
    patient = await startPrometheus({ major: 3, config: () => config({ storage: { tsdb: { out_of_order_time_window: '60d' } } }), flags })
  }, 60_000)
  afterAll(async () => {
    await Promise.all([plain?.stop(), patient?.stop()])
  })
  const urls = (one: Prometheus) => [`http://127.0.0.1:${one.port}/api/v1/otlp`, [`http://127.0.0.1:${one.port}`]] as const

  it('is told to refuse what is old behind newer data, with the setting as it is', async () => {
    const { code, of } = await run(...urls(plain))
    const metrics = of('metrics')
    expect(lines(metrics)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ok metrics: prometheus at .*out_of_order_time_window: (0s|30m)/),
        expect.stringMatching(/^ok metrics, new: stored and found by Prometheus/),
        expect.stringMatching(/^fail metrics, 14 d old, behind newer data: refused \((out_of_bounds|too_old)\)/),
      ]),
    )
    expect(metrics.find(({ level }) => level === 'fail')?.knob).toMatch(
      /out_of_order_time_window .*it has storage\.tsdb\.out_of_order_time_window: 0s/,
    )
    expect(code).toBe(4)
  })

  it('is found to take all of it with the setting turned', async () => {
    const { of } = await run(...urls(patient))
    const metrics = of('metrics')
    expect(metrics.filter(({ level }) => level !== 'ok').map(({ about, seen }) => `${about}: ${seen}`)).toEqual([])
    expect(metrics[0]?.seen).toContain('out_of_order_time_window: 60d')
    expect(metrics.filter(({ seen }) => seen === 'stored and found by Prometheus')).toHaveLength(7)
  })
})

describe.skipIf(!hasLoki())('preflight --for backfill and Loki', () => {
  let loki: Peer<{ readonly http: number }>
  beforeAll(async () => {
    loki = await startLoki()
  }, 90_000)
  afterAll(async () => {
    await loki?.stop()
  })

  it('is told by its own configuration what it does with old lines', async () => {
    const url = `http://127.0.0.1:${loki.ports.http}`
    const { of, findings } = await run(`${url}/otlp`, [url])
    const logs = of('logs')
    expect(lines(logs)).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ok logs: loki at .*reject_old_samples: (true|false), .*max_chunk_age: \S+/),
        expect.stringMatching(/^ok logs, new: stored and found by Loki/),
      ]),
    )
    const old = logs.filter(({ about }) => about.includes('behind newer data'))
    expect(old).toHaveLength(3)
    expect(old[0]).toMatchObject({ level: 'fail', seen: expect.stringMatching(/refused \((too_old|too_far_behind)\)/) })
    expect(old[0]?.knob).toMatch(/Loki: .*it has limits_config\.reject_old_samples/)
    expect(findings.some(({ about, seen }) => about.endsWith('logs, a full page') && seen !== '')).toBe(true)
  })
})

describe.skipIf(!present('jaeger-v2'))('preflight --for backfill and Jaeger v2', () => {
  let jaeger: Peer<JaegerPorts>
  beforeAll(async () => {
    jaeger = await startJaeger()
  }, 60_000)
  afterAll(async () => {
    await jaeger?.stop()
  })

  it('is found to have spans of every age', async () => {
    const { code, of } = await run(`http://127.0.0.1:${jaeger.ports.otlpHttp}`, [`http://127.0.0.1:${jaeger.ports.query}`])
    expect(lines(of('traces'))).toEqual([
      ...['14 d old', '7 d old', '2 h old', 'new'].map((age) => `ok traces, ${age}: stored and found by Jaeger`),
      expect.stringMatching(/^ok traces, a full page: 2000 items in/),
    ])
    expect(lines(of('metrics'))).toEqual([expect.stringMatching(/^warn metrics: .*404/)])
    expect(code).toBe(0)
  })
})
