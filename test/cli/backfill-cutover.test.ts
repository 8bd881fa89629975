import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startDemoSink } from '../../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import { startPipeline } from '../../src/pipeline.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createLab, type Lab } from './support/backfill-lab.ts'

let lab: Lab
beforeEach(async () => {
  lab = await createLab()
})
afterEach(() => lab.close())

const limit = { timeout: 60_000 }
const minute = 60_000

const spanOf = (at: number, ms: number) => ({
  traceId: (at + 1).toString(16).padStart(32, '0'),
  id: (at + 1).toString(16).padStart(16, '0'),
  name: 'get',
  kind: 'SERVER',
  timestamp: ms * 1000,
  duration: 1000,
  localEndpoint: { serviceName: 'cart' },
})

/** A bridge that takes these spans, and ends; its data folder. */
async function bridgeWith(spans: readonly object[]): Promise<string> {
  const data = join(lab.folder, 'bridge')
  const sink = await startDemoSink()
  const set = ['ingest.zipkin.port=0', 'admin.enabled=false', `queue.path=${data}`, `emit.endpoint=${sink.endpoint}`]
  const pipeline = await startPipeline(await loadBridgeConfig({ set }, {}), {
    log: silentLog,
    version: 'test',
    nowMs: Date.now,
    random: Math.random,
  })
  try {
    const [address] = pipeline.listeners[0]?.addresses ?? []
    const body = JSON.stringify(spans)
    const answer = await fetch(`${address}/api/v2/spans`, { method: 'POST', body, headers: { 'content-type': 'application/json' } })
    expect(answer.status).toBe(202)
  } finally {
    await pipeline.stop(5000)
    await sink.stop()
  }
  return data
}

describe('otlp-bridge backfill --until cutover', limit, () => {
  it('fills in what the bridge has not, and nothing of what it has', async () => {
    const now = Date.now()
    const old = Array.from({ length: 50 }, (_, at) => spanOf(at, now - 180 * minute + at * 1000))
    const late = Array.from({ length: 50 }, (_, at) => spanOf(50 + at, now - 10 * minute + at * 1000))
    const live = late.filter((_, at) => at % 5 < 2)
    const data = await bridgeWith(live)
    writeFileSync(join(lab.folder, 'a.json'), JSON.stringify([...old, ...late]))
    const first = await lab.run('files', 'a.json', '--until', 'cutover', '--bridge-data', data)
    expect(first.stderr).toMatch(/^cutover of zipkin-json \(traces\): \d{4}-\d\d-\d\dT.*; band of 15 min on both sides, 20 items noted$/m)
    expect(first.stdout).toMatch(/seam_duplicate/)
    expect(first.code).toBe(0)
    const liveIds = live.map(({ id }) => id)
    expect([...lab.received].sort()).toEqual([...old, ...late].map(({ id }) => id).filter((id) => !liveIds.includes(id)))
    const requests = lab.requests()
    const again = await lab.run('files', 'a.json', '--until', 'cutover', '--bridge-data', data)
    expect([again.code, lab.requests()]).toEqual([0, requests])
  })

  it('ends with 2 and names the folder where no bridge has noted anything', async () => {
    lab.spans('a.json', 10)
    const { code, stderr } = await lab.run('files', 'a.json', '--until', 'cutover')
    expect(code).toBe(2)
    expect(stderr).toMatch(/cannot use --until cutover: no bridge has noted in .*otlp-bridge-data\S*seam when it took over/)
    const lone = await lab.run('files', 'a.json', '--seam', '5m')
    expect([lone.code, lone.stderr]).toEqual([2, expect.stringContaining('cannot use --seam without --until cutover')])
    expect(lab.requests()).toBe(0)
  })
})
