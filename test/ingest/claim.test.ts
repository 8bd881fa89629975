import { createSocket } from 'node:dgram'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { canSharePorts, claimPlace } from '../../src/ingest/claim.ts'

const tcp = async (): Promise<number> => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen({ host: '127.0.0.1', port: 0, reusePort: true }, resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

const udp = async (): Promise<number> => {
  const socket = createSocket({ type: 'udp4', reusePort: true })
  await new Promise<void>((resolve) => socket.bind({ address: '127.0.0.1', port: 0 }, resolve))
  onTestFinished(() => void socket.close())
  return socket.address().port
}

describe.skipIf(!canSharePorts)('claimPlace', () => {
  it.each([
    ['tcp', tcp],
    ['udp', udp],
  ] as const)('finds a stranger on %s who would share the port', async (transport, listen) => {
    const port = await listen()
    await expect(claimPlace('zipkin', { transport, host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'OB_LISTEN',
      place: 'ingest.zipkin.port',
    })
  })

  it('leaves a free place free', async () => {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    for (const transport of ['tcp', 'udp', 'tcp'] as const) await claimPlace('zipkin', { transport, host: 'localhost', port })
  })
})
