import { once } from 'node:events'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import type { ProxyOptions } from '../../src/ingest/mirror-door.ts'
import { createProxy, type MirrorProxy } from '../../src/mirror/proxy.ts'

const open: (Server | TcpServer)[] = []
let proxy: MirrorProxy | undefined

afterEach(() => {
  proxy?.close()
  for (const one of open.splice(0)) one.close()
})

const listen = async (server: Server | TcpServer): Promise<number> => {
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** What a client gets of an old backend that says exactly this. */
const askThrough = async (said: string, options: ProxyOptions = {}): Promise<{ status: number; body: string }> => {
  const old = await listen(
    createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.on('data', () => socket.end(said, 'latin1'))
    }),
  )
  proxy = createProxy({
    endpoint: 'zipkin',
    url: `http://127.0.0.1:${old}`,
    instanceId: '0a1b2c3d',
    authorization: { mode: 'pass', value: undefined },
    passHost: false,
    forwarded: false,
    timeoutMs: 2000,
    maxConcurrent: 4,
  })
  const front = await listen(createServer((incoming, response) => proxy?.pass(incoming, response, options)))
  const asked = request({ host: '127.0.0.1', port: front, agent: false }).end()
  const [answer] = await once(asked, 'response')
  let body = ''
  for await (const chunk of answer) body += chunk
  return { status: answer.statusCode, body }
}

describe('createProxy', () => {
  it.each([
    ['a status that there is not', 'HTTP/1.1 042 OK\r\nContent-Length: 2\r\n\r\nhi', 502],
    ['control characters behind the status', 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nhi', 200],
    ['no HTTP', 'Hello, this is a mail server\r\n\r\n', 502],
  ])('survives an answer with %s', async (_name, said, status) => {
    const statuses: number[] = []
    const answer = await askThrough(said, { answered: (one) => void statuses.push(one) })
    expect(answer.status).toBe(status)
    expect(statuses).toEqual([status])
  })

  it('survives control characters behind the status of an answer that is rewritten', async () => {
    const said = 'HTTP/1.1 200 O\x01K\r\nContent-Length: 2\r\n\r\nhi'
    expect(await askThrough(said, { rewrite: (body) => Buffer.concat([body, body]) })).toEqual({ status: 200, body: 'hihi' })
  })
})
