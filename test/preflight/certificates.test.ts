import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createServer as createPlain } from 'node:net'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { checkEndpointCertificates, checkFiles } from '../../src/preflight/certificates.ts'
import { checkDestinations } from '../../src/preflight/destinations.ts'
import { type Authority, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

const world = worldOf({ nowMs: Date.now })

describe.skipIf(!hasOpenssl())('with certificates', () => {
  let made: Certificates
  let authority: Authority
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    authority.issue('good', 100)
    authority.issue('soon', 5)
    authority.issue('old', -1)
    made.authority('other-ca')
  })
  afterAll(() => made.remove())

  const pair = (name: string) => ({ cert: `${made.folder}/${name}.pem`, key: `${made.folder}/${name}.key` })

  const serve = async (name: string): Promise<string> => {
    const { cert, key } = pair(name)
    const server = createServer({ cert: readFileSync(cert), key: readFileSync(key) }, (request, response) => {
      request.resume()
      request.on('end', () => response.end())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const at = server.address()
    return `https://127.0.0.1:${typeof at === 'object' && at !== null ? at.port : 0}`
  }

  describe('checkFiles', () => {
    const listening = (tls: object) => subjectOf({ ingest: { zipkin: { tls } } })

    it.each([
      ['good', 'ok', /is valid until \d{4}-\d\d-\d\d, 99 days/],
      ['soon', 'warn', /expires on .*, in 4 days/],
      ['old', 'fail', /expired on/],
    ])('judges a certificate that we serve by its end: %s is %s', async (name, level, seen) => {
      const findings = await checkFiles(listening(pair(name)), world)
      expect(findings).toMatchObject([{ level, about: 'ingest.zipkin.tls.cert', seen: expect.stringMatching(seen) }])
      expect(findings.some(({ remote }) => remote === true)).toBe(false)
    })

    it('names files that cannot be used, once', async () => {
      const tls = { cert: pair('good').cert, key: pair('soon').key, clientCa: '/absent' }
      expect(told(await checkFiles(listening(tls), world))).toEqual([
        expect.stringMatching(/^fail ingest\.zipkin\.tls\.clientCa: cannot read the file: ENOENT/),
        expect.stringMatching(/^fail ingest\.zipkin\.tls\.key: .*its key is not that of/),
      ])
      const auth = subjectOf({ admin: { auth: { bearerFile: '/absent' } } })
      expect(told(await checkFiles(auth, world))).toEqual([expect.stringMatching(/^fail admin\.auth\.bearerFile: cannot read/)])
    })

    it('looks at what we show to endpoints', async () => {
      const emit = (tls: object) => subjectOf({ emit: { endpoint: 'https://127.0.0.1:1', tls } })
      expect(told(await checkFiles(emit(pair('old')), world))).toEqual([expect.stringMatching(/^fail emit\.tls\.cert: old expired on/)])
      expect(told(await checkFiles(emit({ ca: '/absent' }), world))).toEqual([expect.stringMatching(/^fail emit\.tls\.ca: cannot read/)])
      expect(await checkFiles(emit({ ca: authority.cert }), world)).toEqual([])
    })
  })

  describe('checkEndpointCertificates', () => {
    const looking = (endpoint: string, tls: object = { ca: authority.cert }) => subjectOf({ emit: { endpoint, tls } })

    it.each([
      ['good', 'ok', /valid until/],
      ['soon', 'warn', /in 4 days/],
      ['old', 'fail', /old expired on/],
    ])('judges what an endpoint shows: %s is %s', async (name, level, seen) => {
      const url = await serve(name)
      expect(await checkEndpointCertificates(looking(url), world)).toMatchObject([
        { level, about: `default, ${url}`, seen: expect.stringMatching(seen) },
      ])
    })

    it('says when nobody whom we trust has signed it, and so does sending', async () => {
      const url = await serve('good')
      const subject = looking(url, { ca: `${made.folder}/other-ca.pem` })
      expect(await checkEndpointCertificates(subject, world)).toMatchObject([
        {
          level: 'fail',
          remote: true,
          seen: expect.stringMatching(/^good is not signed by an authority that is trusted here/),
          knob: expect.stringMatching(/^emit\.tls\.ca/),
        },
      ])
      expect(await checkDestinations(subject, world)).toMatchObject([{ level: 'fail', knob: 'emit.tls, or the scheme of emit.endpoint' }])
    })

    it('says when it is for another name', async () => {
      const url = (await serve('good')).replace('127.0.0.1', 'localhost')
      expect(await checkEndpointCertificates(looking(url), world)).toMatchObject([
        { level: 'fail', seen: expect.stringContaining('is for another name') },
      ])
    })

    it('says when there is no TLS, or nobody at all', async () => {
      const plain = createPlain((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
      await new Promise<void>((resolve) => plain.listen(0, '127.0.0.1', resolve))
      onTestFinished(() => void plain.close())
      const at = plain.address()
      const port = typeof at === 'object' && at !== null ? at.port : 0
      for (const one of [port, 1]) {
        expect(await checkEndpointCertificates(looking(`https://127.0.0.1:${one}`), world)).toMatchObject([
          { level: 'fail', remote: true, seen: expect.stringMatching(/^cannot look at it/) },
        ])
      }
    })

    it('has nothing to say of endpoints without TLS', async () => {
      expect(await checkEndpointCertificates(subjectOf({ emit: { endpoint: 'http://127.0.0.1:1' } }), world)).toEqual([])
    })
  })
})
