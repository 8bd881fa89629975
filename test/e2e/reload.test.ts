import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canSharePorts } from '../../src/ingest/claim.ts'
import { type Bridge, startBridge } from '../crash/support/bridge.ts'
import { startSink } from '../emit/support/otlp-sink.ts'
import { stateFolder, until } from '../emit/support/queues.ts'

const span = JSON.stringify([
  {
    traceId: 'a'.repeat(32),
    id: 'b'.repeat(16),
    name: 'x',
    timestamp: 1_700_000_000_000_000,
    duration: 1,
    remoteEndpoint: { ipv4: '10.0.0.1', port: 80 },
  },
])

/** A client with one connection, which stays open. */
const client = (port: number) => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  onTestFinished(() => agent.destroy())
  const sockets = new Set<Socket>()
  const send = (method: string, path: string, body = ''): Promise<number> =>
    new Promise((resolve, reject) => {
      const sending = request({ host: '127.0.0.1', port, path, method, agent }, (response) => {
        response.resume()
        response.on('end', () => resolve(response.statusCode ?? 0))
      })
      sending.on('socket', (socket) => sockets.add(socket))
      sending.on('error', reject)
      sending.end(body)
    })
  return { send, sockets }
}

const start = async (args: readonly string[]) => {
  const sink = await startSink()
  const state = stateFolder()
  const file = join(state, 'bridge.yaml')
  const write = (text: string): void => writeFileSync(file, text)
  write('translate: { semconv: stable }\n')
  const bridge = await startBridge({ state: join(state, 'queue'), endpoint: sink.url, args: ['-c', file, ...args] })
  const sent = (): string => sink.received.map(({ body }) => body.toString('latin1')).join('')
  return { bridge, write, sent }
}

const outcome = (bridge: Bridge, name: string): Promise<number> => bridge.metric('otlp_bridge_config_reloads_total', `outcome="${name}"`)

const warnings = async (bridge: Bridge): Promise<string> => {
  const { warnings: found = [] } = (await (await fetch(`http://127.0.0.1:${bridge.ports.admin}/health/ready`)).json()) as {
    warnings?: readonly { reason: string }[]
  }
  return found.map(({ reason }) => reason).join('\n')
}

describe.each([
  ['one process', []],
  ['two workers', ['--workers', '2']],
] as const)('serve with %s', (_name, args) => {
  it.skipIf(args.length > 0 && !canSharePorts)(
    'takes a changed configuration on SIGHUP and by itself, and keeps the old when the new is bad',
    async () => {
      const { bridge, write, sent } = await start(args)
      const unconcerned = client(bridge.ports.jaegerHttp)
      expect(await unconcerned.send('GET', '/nothing')).toBe(404)

      write('translate: { semconv: legacy }\n')
      bridge.signal('SIGHUP')
      await until(async () => (await outcome(bridge, 'applied')) === 1, 10_000)
      expect(await client(bridge.ports.zipkin).send('POST', '/api/v2/spans', span)).toBe(202)
      await until(() => sent().includes('net.peer.ip'), 10_000)
      expect(sent()).not.toContain('network.peer.address')

      // No signal: the file is looked at.
      write('translate: { semconv: sideways }\n')
      await until(async () => (await outcome(bridge, 'refused')) > 0, 10_000)
      expect(await warnings(bridge)).toMatch(/the one before stays: 1 fault\n.*bridge\.yaml:1:\d+ translate\.semconv/)
      expect((await bridge.readiness()).ready).toBe(true)
      expect(bridge.output()).toContain('the new configuration has a fault')
      expect(await client(bridge.ports.zipkin).send('POST', '/api/v2/spans', span)).toBe(202)

      write('translate: { semconv: legacy, zipkin: { kind: { absent: unspecified } } }\n')
      await until(async () => (await outcome(bridge, 'applied')) === 2, 10_000)
      expect(await warnings(bridge)).toBe('')
      if (args.length === 0) {
        // Only Zipkin was concerned by the last change, and all of translation by the first.
        const { send, sockets } = client(bridge.ports.jaegerHttp)
        await send('GET', '/nothing')
        write('translate: { semconv: legacy, zipkin: { kind: { absent: internal } } }\n')
        bridge.signal('SIGHUP')
        await until(async () => (await outcome(bridge, 'applied')) === 3, 10_000)
        await send('GET', '/nothing')
        expect(sockets.size).toBe(1)
      }
      expect((await bridge.end()).code, bridge.output()).toBe(0)
    },
    60_000,
  )
})
