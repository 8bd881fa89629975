/** Parity of metrics as stored: Prometheus 2, the bridge, and Prometheus 3 with two ways of naming metrics. */

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createMetricsComparison } from '../../src/parity/metrics.ts'
import type { ParityReport } from '../../src/parity/model.ts'
import { prometheusTranslateConfig } from '../../src/translate/prometheus/config.ts'
import { compareDeps, summary, unexplained } from './parity-sides.ts'
import { present, root } from './peers.ts'
import { type Lab, runFor, startLab, type Window } from './prometheus-lab.ts'
import { until } from './wait.ts'

const seconds = 60 * Number(process.env['OTLP_BRIDGE_PARITY_MINUTES'] ?? 2)

describe.skipIf(!present('prometheus-2', 'prometheus-3'))('metrics of Prometheus 2, and of Prometheus 3 behind the bridge', () => {
  let lab: Lab
  let window: Window
  const prometheus = prometheusTranslateConfig.parse({})

  beforeAll(
    async () => {
      lab = await startLab({ interval: 2, senders: ['two-1.0'], strategies: ['UnderscoreEscapingWithSuffixes', 'NoTranslation'] })
      const [sender] = lab.senders
      if (sender === undefined) throw new Error('no sender')
      const told = async (): Promise<true | undefined> =>
        ((await sender.server.own()).get('prometheus_remote_storage_metadata_total') ?? 0) > 300 ? true : undefined
      await until('types told', told, 60_000)
      await delay(12_000)
      window = await runFor(seconds, [
        [0.3, () => lab.app.restart()],
        [0.4, () => lab.app.vanish()],
        [0.5, () => lab.short.down()],
        [0.8, () => lab.short.up()],
      ])
      await delay(14_000)
    },
    seconds * 1000 + 240_000,
  )
  afterAll(() => lab?.stop(), 120_000)

  const deps = (at: number, options: object = {}) => {
    const [receiver, sender] = [lab.receivers[at], lab.senders[0]]
    if (receiver === undefined || sender === undefined) throw new Error('nothing to compare')
    return compareDeps({
      old: { kind: 'prometheus', url: sender.server.url },
      new: { kind: 'prometheus', url: receiver.server.url },
      translate: { prometheus },
      options,
    })
  }
  const compared = () => ({ fromMs: window.start * 1000, toMs: window.end * 1000 })

  it.each([0, 1])('are the same, all of them, by strategy %i', async (at) => {
    const results = await createMetricsComparison(deps(at)).compare(compared())
    console.log(summary(results))
    expect(unexplained(results)).toEqual([])
    expect(results.map(({ key }) => key).sort()).toEqual(['app', 'node', 'prometheus', 'short'])
    for (const { counts, samples } of results) {
      expect(counts.new).toBe(counts.old)
      expect(samples.foundNew + samples.explained).toBeGreaterThanOrEqual(samples.asked)
    }
  })

  it('are told of by the command', async () => {
    const [old, other] = [lab.senders[0]?.server.url ?? '', lab.receivers[0]?.server.url ?? '']
    const minute = (seconds: number): string => new Date(seconds * 1000).toISOString()
    const times = ['--since', minute(Math.ceil(window.start / 60) * 60), '--until', minute(Math.floor(window.end / 60) * 60)]
    const settle = ['--set', 'parity.settle.old=10s', '--set', 'parity.settle.new=10s']
    const args = ['parity', ...settle, '--format', 'prometheus', '--old', old, '--new', other, ...times, '--rate', '200', '--json']
    const { stdout } = await promisify(execFile)(process.execPath, [join(root, 'src/main.ts'), ...args], { maxBuffer: 2 ** 26 })
    const report = JSON.parse(stdout) as ParityReport
    expect(report.result).toEqual({ parity: 1, require: 1, ok: true, unjudged: 0 })
    expect(report.items.map(({ key }) => key).sort()).toEqual(['app', 'node', 'prometheus', 'short'])
  })

  it('answer queries alike', async () => {
    const queries = [
      'up',
      'rate(node_cpu_seconds_total[30s])',
      'scrape_samples_scraped',
      'histogram_quantile(0.9, app_latency_seconds_bucket)',
    ]
    // The new side has the labels that remote-write adds.
    const asked = queries.map((one) => `sum without () (${one}) => sum without (cluster, region) (${one})`)
    const results = await createMetricsComparison(deps(1, { queries: asked })).compare(compared())
    console.log(summary(results))
    expect(unexplained(results)).toEqual([])
    expect(results.every(({ counts }) => counts.old > 0 && counts.new === counts.old)).toBe(true)
    expect(results).toHaveLength(queries.length)
  })

  it('show a window as it is: what was before the bridge is named', async () => {
    const [before] = await createMetricsComparison(deps(1, { keys: ['node'] })).compare({
      fromMs: (window.start - 3600) * 1000,
      toMs: window.end * 1000,
    })
    expect(before?.counts.old).toBeGreaterThanOrEqual(before?.counts.new ?? 0)
  })
})
