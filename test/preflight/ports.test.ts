import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkPorts } from '../../src/preflight/ports.ts'
import { plannedOf, subjectOf, told, worldOf } from './support/subject.ts'

const takeTcp = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const at = server.address()
  return typeof at === 'object' && at !== null ? at.port : 0
}

const takeUdp = async (): Promise<number> => {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  onTestFinished(() => void socket.close())
  return socket.address().port
}

const place = (transport: 'tcp' | 'udp', port: number, host = '127.0.0.1') => ({ transport, host, port })

describe('checkPorts', () => {
  it('tells free ports from taken ones, over TCP and UDP, the admin port too', async () => {
    const [tcp, udp] = [await takeTcp(), await takeUdp()]
    const endpoints = [
      plannedOf('zipkin', place('tcp', tcp)),
      plannedOf('jaeger.compact', place('udp', udp)),
      // The same numbers, the other transport.
      plannedOf('jaeger.http', place('tcp', udp)),
      plannedOf('otlp.http', place('tcp', 0)),
      plannedOf('kafka', undefined),
    ]
    const findings = await checkPorts(subjectOf({ admin: { host: '127.0.0.1', port: tcp } }, { endpoints }), worldOf())
    expect(told(findings)).toEqual([
      `fail ingest.zipkin: 127.0.0.1:${tcp} (tcp) is taken`,
      `fail ingest.jaeger.compact: 127.0.0.1:${udp} (udp) is taken`,
      `ok ingest.jaeger.http: 127.0.0.1:${udp} (tcp) is free`,
      'ok ingest.otlp.http: any free port',
      `fail admin: 127.0.0.1:${tcp} (tcp) is taken`,
    ])
    expect(findings[0]?.knob).toBe(`ingest.zipkin.port, or stop who has it: ss -lptn sport = :${tcp}`)
    expect(findings[1]?.knob).toContain(`ss -lpun sport = :${udp}`)
    expect(findings.some(({ remote }) => remote === true)).toBe(false)
  })

  it('lets the ports be that a running bridge has', async () => {
    const tcp = await takeTcp()
    const get = async () => ({ status: 200, dateMs: undefined, body: '{"status":"live"}' })
    const endpoints = [plannedOf('zipkin', place('tcp', tcp))]
    const findings = await checkPorts(subjectOf({ admin: { enabled: false } }, { endpoints }), worldOf({ get }))
    expect(findings).toMatchObject([{ level: 'warn', seen: expect.stringContaining('a bridge runs here') }])
  })

  it('says when the machine does not have the address', async () => {
    const endpoints = [plannedOf('zipkin', place('tcp', 9411, '192.0.2.1'))]
    const findings = await checkPorts(subjectOf({ admin: { enabled: false } }, { endpoints }), worldOf())
    expect(findings).toMatchObject([{ level: 'fail', seen: 'this machine has no address 192.0.2.1', knob: 'ingest.zipkin.host' }])
  })
})
