import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { holdsSocket, listenAfter } from '../../src/net/hand-over.ts'

const named = (name: string): Server => createServer((socket) => socket.on('data', (text) => socket.end(`${name} ${text}`)))

const open = async (port: number) => {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

const ask = async (socket: Awaited<ReturnType<typeof open>>): Promise<string> => {
  socket.write('hello')
  const [answer] = await once(socket, 'data')
  return String(answer)
}

describe('listenAfter', () => {
  it('gives new connections to the new server and leaves the old ones where they are', async () => {
    const [first, second] = [named('first'), named('second')]
    first.listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as AddressInfo
    const [before] = await Promise.all([open(port), once(first, 'connection')])
    await new Promise<void>((resolve) => listenAfter(first, second, resolve))
    expect([holdsSocket(first), holdsSocket(second)]).toEqual([false, true])
    const closed = new Promise((resolve) => first.close(resolve))
    expect(await ask(await open(port))).toBe('second hello')
    expect(await ask(before)).toBe('first hello')
    await closed
    expect(await ask(await open(port))).toBe('second hello')
    await new Promise((resolve) => second.close(resolve))
    await expect(open(port)).rejects.toThrow('ECONNREFUSED')
  })
})
