import { describe, expect, it } from 'vitest'
import { checkDiskSpace } from '../../src/preflight/disk.ts'
import { checkLoops } from '../../src/preflight/loops.ts'
import { checkMirrorSettings } from '../../src/preflight/mirror-settings.ts'
import { plannedOf, subjectOf, told, worldOf } from './support/subject.ts'

const basic = { auth: { basic: [{ user: 'ana', password: 'a long one' }] } }
const tcp = (port: number) => ({ transport: 'tcp' as const, host: 'localhost', port })
const endpoints = [
  plannedOf('zipkin', tcp(9411)),
  plannedOf('jaeger.http', tcp(14268)),
  plannedOf('jaeger.grpc', tcp(14250)),
  plannedOf('jaeger.compact', { transport: 'udp', host: 'localhost', port: 6831 }),
]
const switches = 'ok admin: the switches of the cutover can be moved with credentials'

const check = (mirror: object, admin: object = basic) =>
  checkMirrorSettings(subjectOf({ mirror, admin: { port: 0, ...admin } }, { endpoints }), worldOf())

describe('checkMirrorSettings', () => {
  it('has nothing to say without mirrors', async () => {
    expect(await check({}, {})).toEqual([])
  })

  it('finds nothing wrong with a mirror as it is written first', async () => {
    expect(told(await check({ zipkin: { url: 'http://old:9411' } }))).toEqual([switches])
  })

  it('says that the switches are off', async () => {
    const zipkin = { url: 'http://old:9411' }
    expect(await check({ zipkin }, {})).toMatchObject([{ level: 'warn', about: 'admin', knob: 'admin.auth' }])
    expect(await check({ zipkin }, { enabled: false })).toMatchObject([{ level: 'warn', about: 'admin', knob: 'admin.enabled: true' }])
  })

  it('finds a mirror without its endpoint', async () => {
    expect(await check({ beats: { url: 'tcp://old:5044' } })).toMatchObject([
      {
        about: 'mirror.beats',
        level: 'fail',
        seen: 'ingest.beats is not started, so that nothing could be mirrored',
        knob: 'ingest.beats, or without mirror.beats',
      },
      { level: 'ok' },
    ])
  })

  it.each([
    ['own without any', { auth: 'own' }, 'fail', 'mirror.zipkin.credentials'],
    ['own with a password and no name', { auth: 'own', credentials: { password: 'x' } }, 'fail', 'mirror.zipkin.credentials'],
    ['some that are not used', { credentials: { bearer: 'x' } }, 'warn', 'mirror.zipkin.auth: own'],
  ])('looks at credentials: %s', async (_name, own, level, knob) => {
    expect(await check({ zipkin: { url: 'http://old:9411', ...own } })).toMatchObject([{ level, knob }, { level: 'ok' }])
  })

  it('takes a certificate for credentials', async () => {
    const zipkin = { url: 'https://old:9411', auth: 'own', tls: { cert: '/c.pem', key: '/k.pem' } }
    expect(told(await check({ zipkin }))).toEqual([switches])
  })

  it.each([
    ['http', { answer: 'legacy' }, true],
    ['http', { phase: 'shadow' }, true],
    ['grpc', { phase: 'shadow', legacy: { timeout: '5001ms' } }, true],
    ['http', { answer: 'legacy', legacy: { timeout: '5s' } }, false],
    ['http', { phase: 'shadow', answer: 'bridge' }, false],
    ['grpc', {}, false],
  ])('compares how long clients of Jaeger over %s wait: %j', async (name, own, warned) => {
    const findings = await check({ jaeger: { [name]: { url: 'http://old:14268', ...own } } })
    const about = { about: `mirror.jaeger.${name}`, level: 'warn', seen: expect.stringContaining('give up after 5 s') }
    const knob = `mirror.jaeger.${name}.legacy.timeout: 4s, or mirror.jaeger.${name}.answer: bridge`
    expect(findings.slice(0, -1)).toEqual(warned ? [expect.objectContaining({ ...about, knob })] : [])
  })

  it('says that gRPC of Zipkin is not mirrored', async () => {
    const tree = { mirror: { zipkin: { url: 'http://old:9411' } }, ingest: { zipkin: { grpc: {} } }, admin: { port: 0, ...basic } }
    expect(await checkMirrorSettings(subjectOf(tree, { endpoints }), worldOf())).toMatchObject([
      { about: 'ingest.zipkin.grpc', level: 'warn', seen: expect.stringContaining('new side alone') },
      { level: 'ok' },
    ])
  })

  it('lets other clients wait', async () => {
    expect(told(await check({ zipkin: { url: 'http://old:9411', phase: 'shadow' } }))).toEqual([switches])
  })
})

describe('checkLoops', () => {
  const mirror = {
    zipkin: { url: 'http://ana:pw@127.0.0.1:9411' },
    jaeger: { compact: { url: 'udp://127.0.0.1:6831' }, http: { url: 'http://127.0.0.1:6831' } },
  }

  it('finds an old side that is our own listener', async () => {
    const findings = await checkLoops(subjectOf({ mirror }, { endpoints }), worldOf())
    expect(findings).toMatchObject([
      { about: 'mirror.zipkin', level: 'fail', seen: expect.stringMatching(/is our own ingest\.zipkin$/), knob: 'mirror.zipkin.url' },
      { about: 'mirror.jaeger.compact', level: 'fail', seen: 'udp://127.0.0.1:6831 is our own ingest.jaeger.compact' },
    ])
    expect(JSON.stringify(findings)).not.toContain('pw')
  })
})

describe('checkDiskSpace', () => {
  const GiB = 2 ** 30
  const space = (free: number, mirror: object) =>
    checkDiskSpace(
      subjectOf({ queue: { path: '/nowhere/queue', maxSize: '1GiB' }, mirror }),
      worldOf({ statfs: async () => ({ type: 0xef53, bsize: 4096, bavail: free / 4096 }) }),
    )
  const zipkin = { url: 'http://old:9411', queue: { maxSize: '2GiB' } }

  it('counts the parts of mirrors, too', async () => {
    expect(await space(2 * GiB, {})).toMatchObject([{ level: 'ok' }])
    expect(await space(2 * GiB, { zipkin })).toMatchObject([
      {
        level: 'warn',
        seen: '2.1 GB free, queue.maxSize is 1.1 GB and that of the mirror 2.1 GB: the disk would be full before the queue is',
        knob: expect.stringMatching(/^queue\.maxSize and mirror\.zipkin\.queue\.maxSize of at most 2\.1 GB together/),
      },
    ])
    expect(await space(4 * GiB, { zipkin })).toMatchObject([{ level: 'ok' }])
  })
})
