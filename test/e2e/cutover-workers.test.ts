/** The switches, books and verdict of a bridge with several workers: one admin port for all, moved by the commands that people type. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { LiveMinute, Overview } from '../../src/admin/api.ts'
import { startDemoSink } from '../../src/cli/demo-sink.ts'
import { canSharePorts } from '../../src/ingest/claim.ts'
import { until } from '../emit/support/queues.ts'
import { freeTcpPort } from '../interop/ports.ts'
import { startOldSide } from '../support/old-side.ts'

const main = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const credentials = { OTLP_BRIDGE_ADMIN_USER: 'ana', OTLP_BRIDGE_ADMIN_PASSWORD: 'secret' }
const authorization = `Basic ${Buffer.from('ana:secret').toString('base64')}`

const run = async (...args: string[]) => {
  const child = spawn(process.execPath, [main, ...args], { env: { ...process.env, ...credentials } })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => void (output += text))
  const [code] = (await once(child, 'exit')) as [number]
  return { code, output }
}

describe.skipIf(!canSharePorts)('a cutover with two workers', () => {
  it.each(['disk', 'memory'])(
    'is switched for both of them, with a %s queue',
    async (type) => {
      const folder = mkdtempSync(join(tmpdir(), 'cutover-'))
      const [old, sink] = [await startOldSide(), await startDemoSink()]
      const [port, adminPort] = [await freeTcpPort(), await freeTcpPort()]
      const settings = [
        `ingest.zipkin.port=${port}`,
        'ingest.zipkin.host=127.0.0.1',
        `mirror.zipkin.url=${old.url}`,
        'mirror.zipkin.phase=shadow',
        'mirror.zipkin.retry.max=500ms',
        'mirror.zipkin.breaker.open=500ms',
        `emit.endpoint=${sink.endpoint}`,
        'emit.batch.delay=5',
        `queue.type=${type}`,
        `queue.path=${folder}/queue`,
        'admin.host=127.0.0.1',
        `admin.port=${adminPort}`,
        'admin.auth.basic=[{"user":"ana","password":"secret"}]',
      ]
      const bridge = spawn(process.execPath, [main, 'serve', '--workers', '2', ...settings.flatMap((one) => ['--set', one])])
      onTestFinished(async () => {
        bridge.kill('SIGTERM')
        if (bridge.exitCode === null) await once(bridge, 'exit')
        await Promise.all([old.stop(), sink.stop()])
        rmSync(folder, { recursive: true, force: true })
      })
      const admin = `http://127.0.0.1:${adminPort}`
      const ask = async <T>(path: string): Promise<T> =>
        (await (await fetch(`${admin}/api/v1${path}`, { headers: { authorization } })).json()) as T
      await until(async () => {
        try {
          return (await fetch(`${admin}/health/ready`)).ok
        } catch {
          return false
        }
      }, 20_000)

      let ids = 0
      /** Each on a connection of its own, so that both workers get some. */
      const send = async (count: number): Promise<void> => {
        for (let at = 0; at < count; at++) {
          const span = { traceId: (++ids).toString(16).padStart(16, '0'), id: '1', name: 'get', timestamp: Date.now() * 1000, duration: 1 }
          const body = JSON.stringify([{ ...span, localEndpoint: { serviceName: 'cart' } }])
          const headers = { 'content-type': 'application/json', connection: 'close' }
          const response = await fetch(`http://127.0.0.1:${port}/api/v2/spans`, { method: 'POST', headers, body })
          expect(response.status).toBe(202)
        }
      }
      const arrived = (): number => [...sink.seen.values()].reduce((sum, count) => sum + count, 0)

      await send(20)
      await until(() => arrived() === 20 && old.heard.length === 20, 10_000)

      const refused = await run('phase', 'set', 'zipkin', 'dual', '--admin', admin)
      expect([refused.code, refused.output]).toEqual([1, expect.stringContaining('0 h of 24 h in shadow')])
      const forced = await run('phase', 'set', 'zipkin', 'dual', '--force', '--reason', 'a test', '--admin', admin)
      expect([forced.code, forced.output]).toEqual([0, expect.stringContaining('shadow → dual')])
      // Workers look at the switches twice a second. From then on the bridge answers by itself, in whatever worker.
      old.answer = (_heard, response) => void response.writeHead(503, { 'content-length': 0 }).end()
      await new Promise((resolve) => setTimeout(resolve, 2000))
      await send(20)
      await until(() => arrived() === 40, 10_000)
      const { endpoints } = await ask<Overview>('/overview')
      expect(endpoints[0]).toMatchObject({ mirror: 'zipkin', phase: 'dual', answer: 'bridge', received: 40, old: { queueItems: 20 } })

      old.answer = (_heard, response) => void response.writeHead(202, { 'content-length': 0 }).end()
      await until(async () => (await ask<Overview>('/overview')).endpoints[0]?.old?.queueItems === 0, 30_000)
      if (type === 'memory') return
      const live = async () => {
        const { minutes } = await ask<{ minutes: LiveMinute[] }>('/parity/live')
        const sums = { received: 0, old: 0, new: 0 }
        for (const one of minutes) {
          sums.received += one.received
          sums.old += one.old.delivered
          sums.new += one.new.delivered
        }
        return sums
      }
      await until(async () => (await live()).old === 40, 10_000)
      expect(await live()).toEqual({ received: 40, old: 40, new: 40 })
      expect((await run('readiness', '--admin', admin)).output).toContain('cart: no data yet')
    },
    90_000,
  )
})
