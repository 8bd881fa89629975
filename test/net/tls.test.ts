import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { certificateTrouble, readTls, type TlsFiles } from '../../src/net/tls.ts'
import { type Authority, type Certificate, type Certificates, createCertificates, hasOpenssl } from '../support/certificates.ts'

describe.skipIf(!hasOpenssl())('with certificates', () => {
  let made: Certificates
  let authority: Authority
  let client: Certificate
  beforeAll(() => {
    made = createCertificates()
    authority = made.authority('our-ca')
    client = authority.issue('bridge')
  })
  afterAll(() => made.remove())

  const text = (file: string): string => readFileSync(file, 'utf8')
  const faultsOf = async (files: TlsFiles): Promise<readonly (readonly [string, string])[]> =>
    (await readTls(files)).faults.map(({ key, message }) => [key, message] as const)

  describe('readTls', () => {
    it('reads a bundle with words between the certificates, a chain, and its key', async () => {
      const ca = made.file('bundle.pem', `# ours\n${text(authority.cert)}\nanother\r\n${text(authority.cert)}`)
      const cert = made.file('chain.pem', text(client.cert) + text(authority.cert))
      const { material, faults } = await readTls({ ca, cert, key: client.key })
      expect(faults).toEqual([])
      expect(material?.authorities.map((one) => one.subject)).toEqual(['CN=our-ca', 'CN=our-ca'])
      expect(material?.own.map((one) => one.subject)).toEqual(['CN=bridge', 'CN=our-ca'])
    })

    it('names every file that cannot be read', async () => {
      const missing = `${made.folder}/missing`
      expect(await faultsOf({ ca: missing, cert: made.folder, key: client.key })).toEqual([
        ['ca', expect.stringMatching(/^cannot read the file: ENOENT/)],
        ['cert', expect.stringMatching(/^cannot read the file: EISDIR/)],
      ])
    })

    it('tells a file that is no certificate from one that is damaged', async () => {
      const damaged = made.file('damaged.pem', text(client.cert).replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
      const second = made.file('second.pem', text(authority.cert) + text(damaged))
      expect(await faultsOf({ ca: client.key })).toEqual([['ca', 'cannot use the file: it holds no certificate in PEM form']])
      expect(await faultsOf({ ca: second })).toEqual([['ca', expect.stringMatching(/certificate 2 of 2 is damaged: /)]])
    })

    it('refuses a key that is none, damaged, encrypted, or of another certificate', async () => {
      const encrypted = made.file('encrypted.key', '')
      execFileSync('openssl', ['pkcs8', '-topk8', '-in', client.key, '-out', encrypted, '-passout', 'pass:swordfish'])
      const damaged = made.file('damaged.key', text(client.key).replace(/\n.{20}/, '\nAAAAAAAAAAAAAAAAAAAA'))
      const about = async (key: string) => (await faultsOf({ cert: client.cert, key }))[0]
      expect(await about(client.cert)).toEqual(['key', expect.stringContaining('holds no private key')])
      expect(await about(damaged)).toEqual(['key', expect.stringContaining('its key is damaged')])
      expect(await about(encrypted)).toEqual(['key', expect.stringContaining('its key is encrypted')])
      expect(await about(authority.key)).toEqual(['key', expect.stringContaining('its key is not that of')])
    })

    it('says what OpenSSL has against a certificate', async () => {
      const [key, cert] = [made.file('weak.key', ''), made.file('weak.pem', '')]
      execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:512', '-nodes', '-keyout', key, '-out', cert, '-subj', '/CN=weak'], {
        stdio: 'pipe',
      })
      expect(await faultsOf({ cert, key })).toEqual([['cert', expect.stringMatching(/^cannot use the file: .*key too small/)]])
    })

    it('repeats nothing of what is in a key', async () => {
      const body = text(client.key).split('\n')[1] ?? ''
      const damaged = made.file('secret.key', text(client.key).replace(body, body.slice(0, 40)))
      expect(JSON.stringify(await faultsOf({ cert: client.cert, key: damaged }))).not.toContain(body.slice(0, 10))
    })
  })

  describe('certificateTrouble', () => {
    const day = 86_400_000
    const trouble = async (files: TlsFiles, afterDays: number): Promise<string[]> => {
      const { material } = await readTls(files)
      return material === undefined ? ['unread'] : certificateTrouble(material, 'emit.tls', Date.now() + afterDays * day)
    }

    it('is empty while all are valid', async () => {
      expect(await trouble({ ca: authority.cert, ...client }, 0.5)).toEqual([])
    })

    it('names a certificate that has expired, and since when', async () => {
      expect(await trouble({ ca: authority.cert, ...client }, 1.5)).toEqual([
        expect.stringMatching(/^emit\.tls\.cert: certificate bridge expired at \d{4}-\d\d-\d\d \d\d:\d\d UTC$/),
      ])
    })

    it('names one that is not valid yet', async () => {
      expect(await trouble(client, -1)).toEqual([expect.stringContaining('certificate bridge is valid only from')])
    })

    it('speaks of authorities only when not one of them is valid', async () => {
      const old = made.authority('old-ca').issue('expired-ca', -1)
      const bundle = made.file('mixed.pem', text(authority.cert) + text(old.cert))
      expect(await trouble({ ca: bundle }, 0)).toEqual([])
      expect(await trouble({ ca: old.cert }, 0)).toEqual([expect.stringMatching(/^emit\.tls\.ca: certificate expired-ca expired at/)])
    })
  })
})
