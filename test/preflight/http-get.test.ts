import { createServer, type ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { httpGet } from '../../src/preflight/http-get.ts'

const serving = async (answer: (response: ServerResponse) => void): Promise<string> => {
  const server = createServer((_request, response) => answer(response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = server.address()
  return `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`
}

describe('httpGet', () => {
  it('gives status, clock and body', async () => {
    const url = await serving((response) => response.writeHead(404, { date: 'Tue, 14 Nov 2023 22:13:20 GMT' }).end('nothing'))
    expect(await httpGet(url, { timeoutMs: 1000 })).toEqual({
      status: 404,
      dateMs: 1_700_000_000_000,
      body: 'nothing',
      headers: expect.objectContaining({ date: 'Tue, 14 Nov 2023 22:13:20 GMT' }),
    })
  })

  it('posts a body where one is given', async () => {
    const url = await serving((response) => response.end(`${response.req.method} ${response.req.headers['content-length']}`))
    expect(await httpGet(url, { timeoutMs: 1000 })).toMatchObject({ body: 'GET undefined' })
    expect(await httpGet(url, { timeoutMs: 1000, post: Uint8Array.of(0) })).toMatchObject({ body: 'POST 1' })
  })

  it('waits no longer than it is told', async () => {
    const url = await serving(() => {})
    await expect(httpGet(url, { timeoutMs: 50 })).rejects.toThrow()
  })

  it('takes no more than a mebibyte', async () => {
    const url = await serving((response) => {
      const more = (): void => {
        while (!response.destroyed && response.write('x'.repeat(65_536)));
        response.once('drain', more)
      }
      more()
    })
    const { body } = await httpGet(url, { timeoutMs: 5000 })
    expect(body.length).toBeGreaterThanOrEqual(2 ** 20)
    expect(body.length).toBeLessThan(2 ** 21)
  })
})
