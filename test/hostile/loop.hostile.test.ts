/** Our own output, or a second bridge, at our own address: refused at start, or at the first request. */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { spawnBridge, startLive } from './support/live.ts'
import { jsonType, zipkinJson, zipkinSpan } from './support/payloads.ts'
import { eventually } from './support/throw.ts'
import { post } from './support/wire.ts'

/** Exit code and output of a bridge that ought not to start. */
async function refusedStart(...settings: string[]): Promise<readonly [number | null, string]> {
  const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-hostile-'))
  const { child, output, ended } = spawnBridge(
    ['queue.type=memory', 'admin.port=0', 'ingest.zipkin.port=0', ...settings].flatMap((one) => ['--set', one]),
    folder,
  )
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
  const code = await ended
  clearTimeout(timer)
  await rm(folder, { recursive: true, force: true })
  return [code, output()]
}

describe('a bridge that would send to itself', () => {
  it.each([
    ['its Zipkin port', 'ingest.zipkin.port=29411', 'http://127.0.0.1:29411'],
    ['its Zipkin port by name', 'ingest.zipkin.port=29411', 'http://localhost:29411'],
    ['its Zipkin port over IPv6', 'ingest.zipkin.port=29411', 'http://[::1]:29411'],
    ['its admin port', 'admin.port=28899', 'http://localhost:28899'],
    ['the port of Jaeger', 'ingest.jaeger.http.port=24268', 'http://127.0.0.1:24268/api'],
  ])('refuses to start with %s as its endpoint', async (_what, setting, endpoint) => {
    const [code, output] = await refusedStart(setting, `emit.endpoint=${endpoint}`)
    expect(code).toBe(2)
    expect(output).toContain('OB_LOOP')
  })
})

describe('an endpoint that is another bridge', () => {
  it('gets our OTLP refused without any of it coming back as spans', async () => {
    const second = await startLive('http://127.0.0.1:9')
    const first = await startLive(`http://127.0.0.1:${second.ports.zipkin}`)
    try {
      const reply = await post(first.ports.zipkin, '/api/v2/spans', jsonType, zipkinJson(zipkinSpan('looping')))
      expect(reply.status).toBe(202)
      // The second has no OTLP path, so this is a refusal for good, and the span a dead letter of the first.
      const settled = await eventually(async () =>
        (await first.books()).some((one) => one.format === 'zipkin-json' && one.received === 1 && one.queued === 0),
      )
      expect(settled).toBe(true)
      expect((await first.books()).every((one) => one.balance === 0)).toBe(true)
      expect((await second.books()).reduce((sum, one) => sum + one.received, 0)).toBe(0)
    } finally {
      expect(await first.stop()).toBe(0)
      expect(await second.stop()).toBe(0)
    }
  })
})
