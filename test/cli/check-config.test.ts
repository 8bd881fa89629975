import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkConfig } from '../../src/cli/check-config.ts'
import { createTestIo } from './support/test-io.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'check-config-'))
})
afterEach(() => rm(folder, { recursive: true }))

const check = async (text: string, more: object = {}, env: Record<string, string> = {}) => {
  const config = join(folder, 'bridge.yaml')
  await writeFile(config, text)
  const io = createTestIo(undefined, env)
  const code = await checkConfig({ config, ...more }, io)
  return { code, out: io.stdout(), err: io.stderr() }
}

describe('checkConfig', () => {
  it('takes the smallest useful file of the reference', async () => {
    const { code, err } = await check(
      'ingest: { zipkin: { port: 9411 } }\n' +
        'emit:   { endpoint: "http://localhost:4318", protocol: http/protobuf, compression: gzip, batch: { delay: 200ms, maxItems: 8192 } }\n' +
        'queue:  { type: disk, path: ./otlp-bridge-data/queue, maxSize: 10GiB, ack: durable }\n' +
        'admin:  { port: 8899 }\n',
    )
    expect(code).toBe(0)
    expect(err).toContain('no faults')
  })

  it('prints what is in force with units, defaults filled in and secrets masked, and can read it again', async () => {
    const { out } = await check('emit: { headers: { authorization: "Bearer hunter2" } }\nqueue: { maxSize: 1048576 }\n', { print: true })
    expect(out).not.toContain('hunter2')
    expect(out).toContain('maxSize: 1MiB')
    expect(out).toContain('delay: 200ms')
    expect(out).toContain('ack: durable')
    expect((await check(out)).code).toBe(0)
  })

  it('lets the standard variables win over defaults, and the file over them', async () => {
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:4318', OTEL_EXPORTER_OTLP_TIMEOUT: '1500', OTEL_LOG_LEVEL: 'debug' }
    const { out } = await check('emit: { timeout: 3s }', { json: true }, env)
    expect(JSON.parse(out)).toMatchObject({
      ok: true,
      config: { emit: { endpoint: 'http://env:4318', timeout: '3s' }, log: { level: 'debug' } },
    })
  })

  it('starts all endpoints without an ingest section, and only those named with one', async () => {
    const all = JSON.parse((await check('', { json: true })).out)
    expect(Object.keys(all.config.ingest)).toEqual(['zipkin', 'jaeger', 'prometheus', 'elasticsearch', 'beats'])
    const one = JSON.parse((await check('ingest:\n  zipkin:\n', { json: true })).out)
    expect(Object.keys(one.config.ingest)).toEqual(['zipkin'])
    expect(one.config.ingest.zipkin.port).toBe(9411)
  })

  it('says where each fault stands', async () => {
    const { code, err } = await check('ingest:\n  zipkn: {}\nqueue: { type: memory, ack: durable }\n')
    expect(code).toBe(2)
    expect(err).toMatch(/bridge\.yaml:2:3 {2}ingest\.zipkn: unknown key; did you mean zipkin\?/)
    expect(err).toMatch(/bridge\.yaml:3:\d+ {2}queue\.ack = "durable": a memory queue can only acknowledge/)
  })

  it('looks into the files that the configuration names, wherever it names them', async () => {
    const own = join(folder, 'own.pem')
    await writeFile(own, 'nothing of the kind')
    const env = { OTEL_EXPORTER_OTLP_CERTIFICATE: join(folder, 'absent.pem') }
    const { code, err } = await check(`emit:\n  tls:\n    cert: ${own}\n    key: ${own}\n`, {}, env)
    expect(code).toBe(2)
    expect(err).toContain('3 faults')
    expect(err).toMatch(/environment {2}emit\.tls\.ca = ".*absent\.pem": cannot read the file: ENOENT/)
    expect(err).toMatch(/bridge\.yaml:3:\d+ {2}emit\.tls\.cert = ".*own\.pem": cannot use the file: it holds no certificate/)
    expect(err).toMatch(/bridge\.yaml:4:\d+ {2}emit\.tls\.key = ".*own\.pem": cannot use the file: it holds no private key/)
    expect(err).not.toContain('nothing of the kind')
  })

  it('looks at the certificates of every destination, and tells of those they share once', async () => {
    const text = [
      'emit:',
      '  tls: { ca: absent-ca.pem }',
      '  destinations:',
      '    - { name: a }',
      '    - { name: b, tls: { ca: absent-own.pem } }',
      '    - { name: c }',
    ].join('\n')
    const { code, err } = await check(text)
    expect(code).toBe(2)
    expect(err).toMatch(/bridge\.yaml:2:\d+ {2}emit\.tls\.ca = "absent-ca\.pem": cannot read/)
    expect(err).toMatch(/bridge\.yaml:5:\d+ {2}emit\.destinations\[1\]\.tls\.ca = "absent-own\.pem": cannot read/)
    expect(err.match(/absent/g)?.length).toBeLessThanOrEqual(4)
  })

  it('does not print a key that stands where its path should', async () => {
    const { code, err } = await check('emit:\n  tls:\n    cert: own.pem\n    key: |\n      -----BEGIN PRIVATE KEY-----\n      swordfish\n')
    expect(code).toBe(2)
    expect(err).toMatch(/emit\.tls\.key = \*\*\*: expected the path of a PEM file/)
    expect(err).not.toContain('swordfish')
  })

  it('gives the faults as JSON', async () => {
    const { code, out } = await check('emit: { timeout: soon }', { json: true })
    expect(code).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ ok: false, faults: [{ path: 'emit.timeout', value: '"soon"' }] })
  })
})
