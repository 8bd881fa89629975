import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createServerTls, type ServerTls, type ServerTlsConfig, serverTlsFaults } from '../../src/net/server-tls.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { type Authority, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'

const day = 86_400_000

describe.skipIf(!hasOpenssl())('with certificates', () => {
  let made: Certificates
  let authority: Authority
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    authority.issue('one', 30)
    authority.issue('two', 30)
    authority.issue('old', -1)
  })
  afterAll(() => made.remove())

  let tls: ServerTls | undefined
  let lines: string[]
  let metrics: Metrics
  beforeEach(() => {
    lines = []
    metrics = createMetrics()
  })
  afterEach(() => tls?.close())

  const files = { cert: '', key: '' }
  /** Puts a pair where the listener's is. */
  const put = (certOf: string, keyOf = certOf): void => {
    files.cert = `${made.folder}/served.pem`
    files.key = `${made.folder}/served.key`
    copyFileSync(`${made.folder}/${certOf}.pem`, files.cert)
    copyFileSync(`${made.folder}/${keyOf}.key`, files.key)
  }
  const start = async (more: Partial<ServerTlsConfig> = {}, nowMs = Date.now): Promise<ServerTls> => {
    const line = (level: string) => (_fields: object, message: string) => void lines.push(`${level} ${message}`)
    const log: Logger = { trace: line('trace'), debug: line('debug'), info: line('info'), warn: line('warn'), error: line('error') }
    const config: ServerTlsConfig = { ...files, minVersion: 'TLSv1.2', reload: 3_600_000, ...more }
    tls = await createServerTls(config, 'ingest.toy.tls', { log, metrics, nowMs })
    return tls
  }
  /** A change counts when two looks have seen it. */
  const settle = async (started: ServerTls): Promise<void> => {
    await started.look()
    await started.look()
  }

  describe('createServerTls', () => {
    it('asks for client certificates only where there are authorities for them, and insists unless told otherwise', async () => {
      put('one')
      const modes = []
      for (const more of [{}, { clientCa: authority.cert }, { clientCa: authority.cert, clientAuth: 'request' as const }]) {
        const { requestCert, rejectUnauthorized, ca } = (await start(more)).options
        modes.push([requestCert, rejectUnauthorized, ca !== undefined])
        tls?.close()
      }
      expect(modes).toEqual([
        [false, false, false],
        [true, true, true],
        [true, false, true],
      ])
    })

    it('names every file that cannot be used, by its key', async () => {
      put('one', 'two')
      await expect(start({ clientCa: '/nowhere' })).rejects.toMatchObject({
        code: 'OB_CONFIG',
        message: expect.stringMatching(
          /^cannot listen with TLS: ingest\.toy\.tls\.clientCa \(\/nowhere\): cannot read .*; ingest\.toy\.tls\.key .*its key is not that of/,
        ),
      })
    })

    it('hands out new files, and goes on with the old ones when the new ones are bad', async () => {
      put('one')
      const started = await start()
      const applied: unknown[] = []
      const stop = started.onReload((options) => applied.push(options.cert))
      const first = started.options.cert
      put('two')
      await settle(started)
      expect(applied).toEqual([started.options.cert])
      expect(started.options.cert).not.toBe(first)

      put('one', 'two')
      await settle(started)
      expect(applied).toHaveLength(1)
      expect(started.trouble()).toEqual([
        expect.stringMatching(/^the new files cannot be used, the old certificate is still served: ingest\.toy\.tls\.key/),
      ])
      writeFileSync(files.key, '')
      await settle(started)
      expect(started.trouble()).toEqual([expect.stringContaining('holds no private key')])

      put('one')
      await settle(started)
      expect([started.trouble(), applied.length]).toEqual([[], 2])
      stop()
      put('two')
      await settle(started)
      expect(applied).toHaveLength(2)
    })

    it('starts with an expired certificate, and says so', async () => {
      put('old')
      const started = await start()
      expect(started.trouble()).toEqual([expect.stringMatching(/^ingest\.toy\.tls\.cert: certificate old expired at/)])
      expect(lines).toEqual([expect.stringMatching(/^error .*has expired/)])
    })

    it('speaks of the end in the log two weeks before, while health is well', async () => {
      put('one')
      const far = await start()
      expect([far.trouble(), lines]).toEqual([[], []])
      far.close()
      const near = await start({}, () => Date.now() + 20 * day)
      expect(near.trouble()).toEqual([])
      expect(lines).toEqual([expect.stringMatching(/^warn a certificate that is served comes to its end/)])
      near.close()
      expect((await start({}, () => Date.now() + 31 * day)).trouble()).toHaveLength(1)
    })

    it('shows when the certificate ends', async () => {
      put('one')
      await start()
      const cell = metrics.gauge('otlp_bridge_tls_certificate_end_seconds', { listener: 'ingest.toy' })
      expect(cell.value * 1000 - Date.now()).toBeGreaterThan(29 * day)
      expect(cell.value * 1000 - Date.now()).toBeLessThan(31 * day)
    })

    it('never writes what is in a file', async () => {
      put('one')
      const started = await start()
      const secret = readFileSync(files.key, 'utf8').split('\n')[1] ?? ''
      writeFileSync(files.key, readFileSync(files.key, 'utf8').replace(secret, secret.slice(0, 30)))
      await settle(started)
      expect(started.trouble()).toHaveLength(1)
      expect([...lines, ...started.trouble()].join()).not.toContain(secret.slice(0, 10))
    })
  })

  describe('serverTlsFaults', () => {
    it('is empty for good files, and knows every key', async () => {
      put('one')
      expect(await serverTlsFaults({ ...files, minVersion: 'TLSv1.2', reload: 1000 })).toEqual([])
      const bad = { cert: '/a', key: '/b', clientCa: '/c', minVersion: 'TLSv1.2', reload: 1000 } as const
      expect((await serverTlsFaults(bad)).map(({ key }) => key).toSorted()).toEqual(['cert', 'clientCa', 'key'])
    })
  })
})
