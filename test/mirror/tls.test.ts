/** Old sides over TLS: an authority of their own, certificates of ours, and new ones while the bridge runs. */

import { copyFileSync, readFileSync } from 'node:fs'
import { createServer as createPlain, request as plainRequest } from 'node:http'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createProxy } from '../../src/mirror/proxy.ts'
import { type Authority, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { type MirrorBench, startMirror } from './bench-lane.ts'

const quick = { retry: { initial: '1ms', max: '4ms' }, breaker: { failures: 1000, open: '1ms' } }

describe.skipIf(!hasOpenssl())('a mirror over TLS', () => {
  let files: Certificates
  let authority: Authority
  let other: Authority
  let bench: MirrorBench | undefined
  const closers: (() => void)[] = []
  beforeAll(() => {
    files = createCertificates()
    authority = files.authority('old-ca')
    other = files.authority('other-ca')
  })
  afterAll(() => files.remove())
  afterEach(async () => {
    await bench?.close()
    bench = undefined
    for (const close of closers.splice(0)) close()
  })

  /** An old side that takes nobody without a certificate of its authority, and remembers whose came. */
  const startOld = async () => {
    const { cert, key } = authority.issue('server')
    const seen: string[] = []
    const server = createServer(
      { cert: readFileSync(cert), key: readFileSync(key), ca: readFileSync(authority.cert), requestCert: true, rejectUnauthorized: true },
      (request, response) => {
        request.resume()
        request.on('end', () => {
          seen.push(String((request.socket as TLSSocket).getPeerCertificate().subject.CN))
          response.writeHead(202).end()
        })
      },
    )
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(() => {
      server.closeAllConnections()
      server.close()
    })
    return { url: `https://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
  }

  /** Certificate and key where they can be replaced. */
  const clientFiles = (name: string) => {
    const issued = authority.issue(name)
    const own = { cert: `${files.folder}/client-now.pem`, key: `${files.folder}/client-now.key` }
    copyFileSync(issued.cert, own.cert)
    copyFileSync(issued.key, own.key)
    return own
  }

  it('shows the certificate that it is given, trusts the authority that it is given, and takes new ones while it runs', async () => {
    const old = await startOld()
    const client = clientFiles('bridge-one')
    bench = await startMirror('zipkin', { zipkin: { url: old.url, tls: { ca: authority.cert, ...client }, ...quick } })
    const { mirror } = bench
    const door = createPlain((request, response) => proxy.pass(request, response))
    const proxy = createProxy({
      endpoint: 'zipkin',
      url: old.url,
      instanceId: '0a1b2c3d',
      authorization: { mode: 'pass', value: undefined },
      passHost: false,
      forwarded: false,
      timeoutMs: 5000,
      maxConcurrent: 4,
      secureContext: mirror.secureContext,
    })
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve))
    closers.push(() => door.close(), proxy.close)
    const ask = (): Promise<number> =>
      new Promise((resolve, reject) => {
        const { port } = door.address() as AddressInfo
        plainRequest({ port, host: '127.0.0.1', path: '/api/v2/services', agent: false }, (answer) => {
          answer.resume()
          answer.on('end', () => resolve(answer.statusCode ?? 0))
        })
          .on('error', reject)
          .end()
      })

    await bench.put('[]')
    await bench.gone(1)
    expect(await ask()).toBe(202)
    expect(await ask()).toBe(202)
    expect(old.seen).toEqual(['bridge-one', 'bridge-one', 'bridge-one'])

    clientFiles('bridge-two')
    // Seen, and seen again the same: then they are written to their end.
    await mirror.look()
    await mirror.look()
    await bench.put('[]')
    await bench.gone(2)
    expect(await ask()).toBe(202)
    expect(old.seen.slice(3)).toEqual(['bridge-two', 'bridge-two'])
  })

  it('sends nothing to whom it does not trust, and nothing is lost', async () => {
    const old = await startOld()
    bench = await startMirror('zipkin', { zipkin: { url: old.url, tls: { ca: other.cert, ...clientFiles('bridge') }, ...quick } })
    const { mirror, left, lane } = bench
    await bench.put('[]')
    await expect.poll(() => mirror.status().lastError?.text).toMatch(/certificate|authorit/i)
    expect([old.seen, left, lane.stats().batches]).toEqual([[], [], 1])
  })
})
