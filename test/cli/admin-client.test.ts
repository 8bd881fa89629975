import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { z } from 'zod'
import { createAdminClient } from '../../src/cli/admin-client.ts'
import { runCommandLine } from '../../src/cli/args.ts'
import { createTestIo } from './support/test-io.ts'

const any = z.object({ ok: z.boolean() })

const session = JSON.stringify({ user: 'ana', role: 'operate', csrf: 'c-s-r-f' })

/** An admin port that is not one. */
async function port(answer: (request: IncomingMessage, response: ServerResponse) => void) {
  const asked: IncomingMessage[] = []
  const server = createServer((request, response) => {
    asked.push(request)
    request.resume()
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const at = server.address()
  return { url: `http://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`, asked }
}

const clientOf = (admin: string, env: Record<string, string> = {}) => createAdminClient({ admin }, { env })

describe('createAdminClient', () => {
  it.each([
    [{ host: 'localhost', port: 8899 }, 'http://127.0.0.1:8899'],
    [{ host: '0.0.0.0', port: 1 }, 'http://127.0.0.1:1'],
    [{ host: '::', port: 1 }, 'http://[::1]:1'],
    [{ host: 'bridge.internal', port: 1 }, 'http://bridge.internal:1'],
  ])('finds the port of a configuration: %j', async ({ host, port }, url) => {
    const set = [`admin.host=${host}`, `admin.port=${port}`]
    expect((await createAdminClient({ set }, { env: {} })).url).toBe(url)
  })

  it('refuses credentials in --admin, and does not repeat them', async () => {
    const refused = await clientOf('http://ann:pass-word@127.0.0.1:1').then(
      () => '',
      (error: Error) => error.message,
    )
    expect(refused).toContain('OTLP_BRIDGE_ADMIN_PASSWORD')
    expect(refused).not.toContain('pass-word')
  })

  it.each(['localhost:8899', 'ftp://bridge', ''])('refuses --admin %j', async (admin) => {
    await expect(clientOf(admin)).rejects.toMatchObject({ code: 'OB_CONFIG', message: expect.stringContaining('--admin') })
  })

  it('prefers a token, and sends nothing that is empty', async () => {
    const { url, asked } = await port((_request, response) => response.end('{"ok":true}'))
    const both = { OTLP_BRIDGE_ADMIN_TOKEN: 't', OTLP_BRIDGE_ADMIN_USER: 'u', OTLP_BRIDGE_ADMIN_PASSWORD: 'p:q' }
    await (await clientOf(url, both)).get('/x', any)
    await (await clientOf(url, { ...both, OTLP_BRIDGE_ADMIN_TOKEN: '' })).get('/x', any)
    await (await clientOf(url, { OTLP_BRIDGE_ADMIN_TOKEN: '', OTLP_BRIDGE_ADMIN_USER: '' })).get('/x', any)
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([
      'Bearer t',
      `Basic ${Buffer.from('u:p:q').toString('base64')}`,
      undefined,
    ])
  })

  it('speaks as the page does when it changes something', async () => {
    const { url, asked } = await port((request, response) => response.end(request.url === '/api/v1/session' ? session : '{"ok":true}'))
    // As somebody may write it.
    const client = await clientOf(`${url.replace('http:', 'HTTP:')}/`)
    expect(await client.put('/x', { a: 1 }, any, 7)).toEqual({ ok: true })
    expect(asked[1]).toMatchObject({
      method: 'PUT',
      headers: { 'x-ob-csrf': 'c-s-r-f', 'if-match': '"7"', 'content-type': 'application/json' },
    })
    expect(asked[1]?.headers.origin).toBe(`http://${asked[1]?.headers.host}`)
  })

  it.each([
    [401, '', 'OB_AUTH', 'it wants credentials'],
    [
      409,
      '{"code":"OB_CUTOVER_CONFLICT","message":"cannot switch","hint":"Look again."}',
      'OB_CUTOVER_CONFLICT',
      'cannot switch; Look again.',
    ],
    [404, '{"code":"SOMETHING_NEW","message":"nothing here"}', 'OB_BACKEND', 'nothing here'],
    [502, '<html>', 'OB_BACKEND', 'it answered 502'],
    [200, '<html>', 'OB_BACKEND', 'is it a bridge of another version?'],
    [200, '{"ok":1}', 'OB_BACKEND', 'is it a bridge of another version?'],
  ])('says what an answer means: %i %s', async (status, body, code, message) => {
    const { url } = await port((_request, response) => response.writeHead(status).end(body))
    await expect((await clientOf(url)).get('/x', any)).rejects.toMatchObject({ code, message: expect.stringContaining(message) })
  })

  it('says that no bridge runs, with an exit code that is not 0', async () => {
    const { url } = await port((request) => request.destroy())
    const io = createTestIo()
    expect(await runCommandLine(['phase', 'ls', '--admin', url], io)).toBe(4)
    expect(io.stderr()).toContain('OB_BACKEND')
    expect(io.stderr()).toContain(`cannot ask the bridge at ${url}`)
    expect(io.stderr()).toContain('is it running, and is its admin port there (--admin)?')
  })
})

describe('parity', () => {
  it('asks the running bridge for its books with the same credentials, and the backends without', async () => {
    const bridge = await port((_request, response) => response.writeHead(404).end())
    const backend = await port((_request, response) => response.writeHead(404).end())
    const io = createTestIo(undefined, { OTLP_BRIDGE_ADMIN_TOKEN: 't' })
    const sides = ['--old', backend.url, '--new', backend.url, '--format', 'zipkin', '--admin', bridge.url]
    expect(await runCommandLine(['parity', ...sides, '--set', 'queue.type=memory'], io)).toBe(4)
    expect(bridge.asked.map(({ url, headers }) => [url, headers.authorization])).toEqual([['/api/v1/parity/samples', 'Bearer t']])
    expect(backend.asked.length).toBeGreaterThan(0)
    expect(backend.asked.map(({ headers }) => headers.authorization).filter((one) => one !== undefined)).toEqual([])
  })
})
