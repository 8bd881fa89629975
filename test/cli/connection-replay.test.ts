import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { replayConnection } from '../../src/cli/connection-replay.ts'

let server: Server | undefined
afterEach(() => new Promise<void>((resolve) => (server === undefined ? resolve() : void server.close(() => resolve()))))

const ack = (number: number): Buffer => {
  const bytes = Buffer.from('2A0000')
  bytes.writeUInt32BE(number, 2)
  return bytes
}

/** A server that answers the first bytes with these, and closes behind them when told to. */
async function answering(pieces: readonly Buffer[], closes = false): Promise<URL> {
  const started = createServer((socket) => {
    socket.once('data', () => {
      for (const piece of pieces) socket.write(piece)
      if (closes) socket.end()
    })
  })
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  const at = started.address()
  return new URL(`tcp://127.0.0.1:${at !== null && typeof at === 'object' ? at.port : 0}`)
}

const bytes = Buffer.from('2W')

describe('replayConnection', () => {
  it('ends when every window is acknowledged, however the answers are cut', async () => {
    const answers = Buffer.concat([ack(3), ack(5)])
    const url = await answering([answers.subarray(0, 8), answers.subarray(8)])
    expect(await replayConnection(url, bytes, [3, 5])).toBeUndefined()
  })

  it('waits while a window is being stored', async () => {
    expect(await replayConnection(await answering([ack(0), ack(0), ack(3)]), bytes, [3])).toBeUndefined()
  })

  it.each([
    ['another number', [ack(2)], 'acknowledged 2 instead of 3'],
    ['one window too many', [ack(3), ack(3)], 'acknowledged 3 instead of nothing'],
  ])('tells of %s', async (_name, pieces, fault) => {
    expect(await replayConnection(await answering([Buffer.concat(pieces)]), bytes, [3])).toBe(fault)
  })

  it('tells of a connection that was closed before', async () => {
    expect(await replayConnection(await answering([ack(3)], true), bytes, [3, 5])).toBe(
      'the connection was closed before all was acknowledged',
    )
  })
})
