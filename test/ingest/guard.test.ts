import { createHash, timingSafeEqual } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createGuard, type Guard, grpcHealthPaths, isAmong } from '../../src/ingest/guard.ts'
import { listenerAuth } from '../../src/ingest/schema.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts'
import { countsOf } from './support/fakes.ts'

let folder: string
let metrics: Metrics
let guard: Guard | undefined
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'guard-'))
  metrics = createMetrics()
})
afterEach(async () => {
  guard?.close()
  await rm(folder, { recursive: true })
})

const start = async (auth: object, healthPaths: readonly string[] = []): Promise<Guard> => {
  guard = await createGuard(listenerAuth.parse({ reload: '1h', ...auth }), 'ingest.toy.auth', healthPaths, { metrics, log: silentLog })
  return guard
}

const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString('base64')}`

/** The code of the refusal, or `ok`, for a head with these values. */
const outcome = (one: Guard, values: Record<string, string>): string => one.refusal((name) => values[name])?.code ?? 'ok'

describe('createGuard', () => {
  it('takes any credential of any kind that is listed, and nothing else', async () => {
    const one = await start({
      basic: [
        { user: 'ann', password: 'pass:word' },
        { user: 'zoë', password: 'ü' },
      ],
      bearer: ['t1', 't2'],
      apiKey: { header: 'X-Key', keys: ['k1'] },
    })
    const heads: [Record<string, string>, string][] = [
      [{ authorization: basic('ann:pass:word') }, 'ok'],
      [{ authorization: basic('zoë:ü').replace('Basic', 'bAsIc') }, 'ok'],
      [{ authorization: 'Bearer t2' }, 'ok'],
      [{ 'x-key': 'k1' }, 'ok'],
      [{ 'x-key': 'wrong', authorization: 'bearer t1' }, 'ok'],
      [{}, 'OB_AUTH'],
      [{ authorization: '' }, 'OB_AUTH'],
      [{ authorization: 'Bearer' }, 'OB_AUTH'],
      [{ authorization: 'Bearer ' }, 'OB_AUTH'],
      [{ authorization: 'Bearer t' }, 'OB_AUTH'],
      [{ authorization: 'Bearer t1 t2' }, 'OB_AUTH'],
      [{ authorization: 't1' }, 'OB_AUTH'],
      [{ authorization: 'Bearer k1' }, 'OB_AUTH'],
      [{ 'x-key': 't1' }, 'OB_AUTH'],
      [{ authorization: basic('ann:pass') }, 'OB_AUTH'],
      [{ authorization: basic('ann:') }, 'OB_AUTH'],
      [{ authorization: basic('pass:word') }, 'OB_AUTH'],
      [{ authorization: 'Basic ann:pass:word' }, 'OB_AUTH'],
      [{ authorization: 'Digest t1' }, 'OB_AUTH'],
    ]
    expect(heads.map(([head]) => outcome(one, head))).toEqual(heads.map(([, expected]) => expected))
  })

  it('takes keys as Elastic clients send them, in base64 or as they are listed', async () => {
    const encoded = (text: string): string => Buffer.from(text).toString('base64')
    const one = await start({ apiKey: { keys: ['id:secret', encoded('other:key')] } })
    const heads: [string, string][] = [
      [`ApiKey ${encoded('id:secret')}`, 'ok'],
      [`apikey ${encoded('other:key')}`, 'ok'],
      ['ApiKey id:secret', 'ok'],
      [`ApiKey ${encoded('id:secre')}`, 'OB_AUTH'],
      [`ApiKey ${encoded('id:secret2')}`, 'OB_AUTH'],
      [`ApiKey ${encoded(encoded('id:secret'))}`, 'OB_AUTH'],
      ['ApiKey ', 'OB_AUTH'],
      ['ApiKey =', 'OB_AUTH'],
      [`Basic ${encoded('id:secret')}`, 'OB_AUTH'],
      [`Bearer ${encoded('id:secret')}`, 'OB_AUTH'],
    ]
    expect(heads.map(([authorization]) => outcome(one, { authorization }))).toEqual(heads.map(([, expected]) => expected))
  })

  it('takes passwords against their digests, and never a digest for its password', async () => {
    const digest = (form: string, password: string): string => createHash(form).update(password).digest('base64')
    const file = join(folder, 'htpasswd')
    await writeFile(file, `ann:{SHA}${digest('sha1', 'one')}\nbob:{SHA256}${digest('sha256', 'two')}\ncleo:three\n`)
    const one = await start({ htpasswdFile: file })
    const said = [
      'ann:one',
      'bob:two',
      'cleo:three',
      'ann:two',
      `ann:${digest('sha1', 'one')}`,
      `ann:{SHA}${digest('sha1', 'one')}`,
      'bob:one',
      'one',
    ]
    expect(said.map((pair) => outcome(one, { authorization: basic(pair) }))).toEqual(['ok', 'ok', 'ok', ...Array(5).fill('OB_AUTH')])
  })

  it('counts who brought nothing and who brought something else', async () => {
    const one = await start({ bearer: ['t'] })
    outcome(one, {})
    outcome(one, { authorization: 'Bearer x' })
    outcome(one, { authorization: 'Bearer y' })
    outcome(one, { authorization: 'Bearer t' })
    expect(countsOf(metrics, 'otlp_bridge_refused_credentials_total', 'reason')).toEqual({ missing: 1, unknown: 2 })
    expect(countsOf(metrics, 'otlp_bridge_refused_credentials_total', 'listener')).toEqual({ 'ingest.toy': 3 })
  })

  it('reads gRPC metadata as it reads headers', async () => {
    const one = await start({ bearer: ['t'] }, grpcHealthPaths)
    const metadata = new Map([['authorization', 'Bearer t']])
    expect(one.refusal((name) => metadata.get(name))).toBeUndefined()
    expect(one.refusal(() => undefined)).toMatchObject({ code: 'OB_AUTH', http: 401 })
    expect(one.isOpen('/grpc.health.v1.Health/Check')).toBe(true)
    expect(one.isOpen('/jaeger.api_v2.CollectorService/PostSpans')).toBe(false)
  })

  it('leaves health open, unless told which paths are', async () => {
    const paths = ['/health', '/other', '/health/x']
    const open = async (auth: object): Promise<boolean[]> => {
      const one = await start({ bearer: ['t'], ...auth }, ['/health'])
      one.close()
      return paths.map(one.isOpen)
    }
    expect(await open({})).toEqual([true, false, false])
    expect(await open({ except: [] })).toEqual([false, false, false])
    expect(await open({ except: ['/other'] })).toEqual([false, true, false])
  })

  it('says which kinds it takes', async () => {
    expect((await start({ basic: [{ user: 'a', password: 'b' }], bearer: ['t'] })).challenge).toBe(
      'Basic realm="otlp-bridge", charset="UTF-8", Bearer realm="otlp-bridge"',
    )
    expect((await start({ apiKey: { keys: ['k'] } })).challenge).toBe('ApiKey realm="otlp-bridge", header="x-api-key"')
  })

  it('takes new credentials out of a changed file, and keeps the old ones when it is bad', async () => {
    const file = join(folder, 'tokens')
    await writeFile(file, 'old')
    const one = await start({ bearerFile: file })
    const both = (): string[] => ['old', 'new'].map((token) => outcome(one, { authorization: `Bearer ${token}` }))
    const settle = async (text: string): Promise<void> => {
      await writeFile(file, text)
      await one.look()
      await one.look()
    }
    expect(both()).toEqual(['ok', 'OB_AUTH'])
    await settle('')
    expect(both()).toEqual(['ok', 'OB_AUTH'])
    expect(one.trouble()).toEqual([
      'the new files cannot be used, the old credentials still hold: ingest.toy.auth.bearerFile: cannot use the file: it is empty',
    ])
    await settle('new\n')
    expect(both()).toEqual(['OB_AUTH', 'ok'])
    expect(one.trouble()).toEqual([])
  })

  it('does not start without its files', async () => {
    await expect(start({ bearerFile: join(folder, 'absent') })).rejects.toMatchObject({ code: 'OB_CONFIG', place: 'ingest.toy.auth' })
  })
})

describe('isAmong', () => {
  it('compares with every candidate, also behind the one that fits', () => {
    const of = (text: string): Buffer => createHash('sha256').update(text).digest()
    const candidates = ['a', 'b', 'c', 'b'].map(of)
    const compared: Buffer[] = []
    const equal: typeof timingSafeEqual = (one, other) => {
      compared.push(Buffer.from(other as Uint8Array))
      return timingSafeEqual(one, other)
    }
    expect(isAmong(of('a'), candidates, equal)).toBe(true)
    expect(isAmong(of('b'), candidates, equal)).toBe(true)
    expect(isAmong(of('x'), candidates, equal)).toBe(false)
    expect(compared).toEqual([...candidates, ...candidates, ...candidates])
    expect(isAmong(of('a'), [], equal)).toBe(false)
  })
})
