/** The commands of the cutover, asked of a bridge that runs. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runCommandLine } from '../../src/cli/args.ts'
import { parsePortion } from '../../src/cli/cutover.ts'
import { type DemoSink, startDemoSink } from '../../src/cli/demo-sink.ts'
import { loadBridgeConfig } from '../../src/config/compose.ts'
import { type Pipeline, startPipeline } from '../../src/pipeline.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { type OldSide, startOldSide } from '../support/old-side.ts'
import { createTestIo } from './support/test-io.ts'

const ana = { OTLP_BRIDGE_ADMIN_USER: 'ana', OTLP_BRIDGE_ADMIN_PASSWORD: 'a good password' }
const guest = { OTLP_BRIDGE_ADMIN_USER: 'guest', OTLP_BRIDGE_ADMIN_PASSWORD: 'another password' }
const robot = { OTLP_BRIDGE_ADMIN_TOKEN: 'a-long-token-of-a-robot' }

let folder: string
let old: OldSide
let sink: DemoSink
let pipeline: Pipeline

const span = (id: string): string =>
  JSON.stringify([
    {
      traceId: '0'.repeat(31) + id,
      id: `000000000000000${id}`,
      name: 'get',
      timestamp: 1,
      duration: 1,
      localEndpoint: { serviceName: 'shop' },
    },
  ])

/** Everything that a verdict could fail for in the first minutes of a bridge. */
const waivers = ['V1', 'V2', 'V6', 'V7', 'V8', 'V9', 'V10', 'V11'].map((condition) => ({
  condition,
  by: 'ana',
  reason: 'a test',
  key: 'sho*',
}))

const running = async (mirror: object, verdict: object = {}): Promise<Pipeline> => {
  const file = join(folder, `bridge-${Math.random()}.yaml`)
  const { user, password } = { user: ana.OTLP_BRIDGE_ADMIN_USER, password: ana.OTLP_BRIDGE_ADMIN_PASSWORD }
  const basic = [
    { user, password },
    { user: guest.OTLP_BRIDGE_ADMIN_USER, password: guest.OTLP_BRIDGE_ADMIN_PASSWORD },
  ]
  const config = {
    ingest: { zipkin: { port: 0 }, jaeger: { http: { port: 0 } } },
    emit: { endpoint: sink.endpoint, batch: { delay: '5ms' } },
    queue: { path: mkdtempSync(join(folder, 'queue-')) },
    admin: { port: 0, auth: { basic, bearer: [robot.OTLP_BRIDGE_ADMIN_TOKEN] }, operate: ['ana', 'bearer'] },
    mirror,
    verdict,
  }
  // JSON is YAML, too.
  writeFileSync(file, JSON.stringify(config))
  const deps = { log: silentLog, version: 'test', nowMs: Date.now, random: Math.random }
  return startPipeline(await loadBridgeConfig({ config: file }, {}), deps)
}

const urlOf = (one: Pipeline, section: string): string =>
  one.listeners.find((listener) => listener.section === section)?.addresses[0] ?? 'http://nothing.invalid'

const post = async (one: Pipeline, body: string): Promise<void> => {
  const headers = { 'content-type': 'application/json', 'user-agent': 'zipkin-reporter/2.16' }
  const { status } = await fetch(`${urlOf(one, 'ingest.zipkin')}/api/v2/spans`, { method: 'POST', headers, body })
  expect(status).toBe(202)
}

/** Runs a command as somebody. */
const run = async (line: string, env: Record<string, string> = ana, one: Pipeline = pipeline) => {
  const io = createTestIo(undefined, env)
  // What is in quotes is one word.
  const words = (line.match(/"[^"]*"|\S+/g) ?? []).map((word) => word.replaceAll('"', ''))
  const code = await runCommandLine([...words, '--admin', one.adminUrl ?? ''], io)
  return { code, out: io.stdout(), err: io.stderr(), json: () => JSON.parse(io.stdout()) as never }
}

const rowsOf = (out: string): string[] => out.trimEnd().split('\n').slice(2)

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'cutover-'))
  old = await startOldSide()
  sink = await startDemoSink()
  const jaeger = { http: { url: `${old.url}/jaeger`, phase: 'new-primary', phaseUntil: '2999-12-31' } }
  pipeline = await running({ zipkin: { url: `http://ana:secret@127.0.0.1:${old.port}`, phase: 'shadow' }, jaeger })
})
afterAll(async () => {
  await pipeline?.stop(1000)
  await old?.stop()
  await sink?.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** Back to where the endpoint began. */
const reset = async (): Promise<void> => {
  for (;;) {
    const state = (await run('phase ls --json')).json() as { items: { endpoint: string; phase: string }[] }
    if (state.items.find(({ endpoint }) => endpoint === 'zipkin')?.phase === 'shadow') break
    await run('phase set zipkin --back')
  }
  await run('share set new zipkin 1')
}

describe('phase ls', () => {
  beforeEach(reset)

  it('lists every mirrored endpoint, old backends without credentials', async () => {
    const { code, out } = await run('phase ls')
    expect(code).toBe(0)
    const [zipkin, jaeger] = rowsOf(out)
    expect(zipkin).toMatch(/^zipkin +shadow +legacy +100% +100% +\d{4}-\d\d-\d\d \d\d:\d\d +http:\/\/\S+127\.0\.0\.1:\d+/)
    expect(jaeger).toMatch(/^jaeger\.http +new-primary +bridge +100% +100% .* 2999-12-31 +http:\/\/127\.0\.0\.1:\d+\/jaeger$/)
    expect(out).not.toContain('secret')
    expect((await run('share ls')).out).toBe(out)
  })

  it('prints JSON', async () => {
    const { items } = (await run('phase ls --json')).json() as { items: object[] }
    expect(items).toMatchObject([
      { endpoint: 'zipkin', phase: 'shadow', answer: 'legacy', share: { new: 1, old: 1 }, paused: false, switchable: true },
      { endpoint: 'jaeger.http', phase: 'new-primary', until: '2999-12-31' },
    ])
  })

  it('says that nothing is mirrored where nothing is, which is no fault', async () => {
    const alone = await running({})
    onTestFinished(async () => void (await alone.stop(1000)))
    expect(await run('phase ls', ana, alone)).toMatchObject({ code: 0, out: '', err: expect.stringContaining('no endpoint has a mirror') })
    expect((await run('phase ls --json', ana, alone)).json()).toEqual({ items: [] })
    expect((await run('phase set zipkin --back', ana, alone)).code).toBe(2)
  })

  it('lets those look who may not switch, and says that they may not', async () => {
    const { items } = (await run('phase ls --json', guest)).json() as { items: { switchable: boolean }[] }
    expect(items.map(({ switchable }) => switchable)).toEqual([false, false])
  })
})

describe('phase set', () => {
  beforeEach(reset)

  it('refuses a step whose conditions are not met, with the conditions', async () => {
    const { code, out, err } = await run('phase set zipkin dual --reason "time has come"')
    expect(code).toBe(1)
    expect(out).toBe('')
    expect(err).toContain('cannot go from shadow to dual with zipkin: 0 h of 24 h in shadow')
    expect(rowsOf((await run('phase ls')).out)[0]).toMatch(/^zipkin +shadow/)
  })

  it('takes it by force, and one step back without conditions; the record says so', async () => {
    const forced = await run('phase set zipkin dual --force --reason "a drill"')
    expect(forced).toMatchObject({ code: 0, err: 'zipkin: shadow → dual\n' })
    expect(rowsOf(forced.out)).toEqual([expect.stringMatching(/^zipkin +dual +bridge/)])
    const back = await run('phase set zipkin --back --json', robot)
    expect(back).toMatchObject({ code: 0, err: 'zipkin: dual → shadow\n' })
    expect(back.json()).toMatchObject({ items: [{ endpoint: 'zipkin', phase: 'shadow', answer: 'legacy' }] })
    const [last, before] = rowsOf((await run('phase log')).out).filter((row) => row.includes('phase'))
    expect(last).toMatch(/zipkin +phase +dual +shadow +bearer +one step back$/)
    expect(before).toMatch(/zipkin +phase +shadow +dual +forced +ana +a drill$/)
    const { items } = (await run('phase log --json')).json() as { items: object[] }
    expect(items).toContainEqual(
      expect.objectContaining({ what: 'phase', from: 'shadow', to: 'dual', forced: true, who: 'ana', reason: 'a drill' }),
    )
  })

  it('refuses to force without a reason', async () => {
    const { code, err } = await run('phase set zipkin dual --force')
    expect(code).toBe(2)
    expect(err).toMatch(/--reason/)
    expect(rowsOf((await run('phase ls')).out)[0]).toMatch(/^zipkin +shadow/)
  })

  it('does not skip a phase', async () => {
    const { code, err } = await run('phase set zipkin new-primary --reason "no patience"')
    expect(code).toBe(1)
    expect(err).toContain('shadow to new-primary is 2 steps: take one after the other')
  })

  it.each([
    ['phase set zipkin', 'give one of shadow, dual, new-primary, new-only, or --back'],
    ['phase set zipkin dual --back', 'give one of shadow, dual, new-primary, new-only, or --back'],
    ['phase set zipkin old-only', 'cannot set phase old-only: expected shadow, dual, new-primary, new-only'],
    ['phase set zipkin --back', 'cannot go back with zipkin: shadow is the first phase'],
    ['phase set prometheus dual', 'cannot switch prometheus: it has no mirror (zipkin, jaeger.http)'],
  ])('is wrong use: %s', async (line, message) => {
    const { code, err } = await run(line)
    expect(code).toBe(2)
    expect(err).toContain(message)
  })

  it('is for those who may operate', async () => {
    const { code, err } = await run('phase set zipkin dual --force --reason "why not"', guest)
    expect(code).toBe(2)
    expect(err).toContain('OB_ADMIN_FORBIDDEN')
    expect(err).toContain('admin.operate does not name you')
  })
})

describe('share set', () => {
  beforeEach(reset)

  it('sets the share of the new side in shadow', async () => {
    const set = await run('share set new zipkin 12.5% --reason "let it grow"')
    expect(set).toMatchObject({ code: 0, err: 'zipkin: new side 100% → 12.5%\n' })
    expect(rowsOf(set.out)[0]).toMatch(/^zipkin +shadow +legacy +12\.5% +100%/)
    expect(await run('share set new zipkin 0')).toMatchObject({ code: 0, err: 'zipkin: new side 12.5% → 0%\n' })
    expect(rowsOf((await run('phase log')).out)[0]).toMatch(/zipkin +share\.new +12\.5% +0% +ana +by command$/)
  })

  it('sets the share of the old side in new-primary', async () => {
    expect(await run('share set old jaeger.http 0.5')).toMatchObject({ code: 0, err: 'jaeger.http: old side 100% → 50%\n' })
    expect(await run('share set old jaeger.http 100%')).toMatchObject({ code: 0, err: 'jaeger.http: old side 50% → 100%\n' })
  })

  it.each([
    ['share set old zipkin 50%', 'the old side must have all in shadow'],
    ['share set new jaeger.http 50%', 'the new side gets all in new-primary'],
  ])('refuses what the phase does not know: %s', async (line, message) => {
    const { code, err } = await run(line)
    expect(code).toBe(1)
    expect(err).toContain(message)
  })

  it.each([
    ['share set both zipkin 1', 'cannot set the share of both: expected new or old'],
    ['share set new zipkin 101%', 'cannot set a share of 101%: expected 0 to 1, or 0% to 100%'],
    ['share set new zipkin lots', 'cannot set a share of lots'],
  ])('is wrong use: %s', async (line, message) => {
    const { code, err } = await run(line)
    expect(code).toBe(2)
    expect(err).toContain(message)
  })
})

describe('parsePortion', () => {
  it.each([
    ['10%', 0.1],
    ['0.1', 0.1],
    ['33.333 %', 0.3333],
    ['0', 0],
    ['100%', 1],
  ])('reads %s', (text, part) => expect(parsePortion(text)).toBe(part))

  it.each(['-1', '1e-3', '', '%', '2'])('refuses %j', (text) => expect(() => parsePortion(text)).toThrow('cannot set a share'))
})

describe('readiness', () => {
  it('ends with 1 and says so when nothing came yet', async () => {
    const empty = await running({ zipkin: { url: old.url } })
    try {
      expect(await run('readiness', ana, empty)).toEqual(
        expect.objectContaining({ code: 1, out: '', err: 'nothing was received yet: there is no verdict\n' }),
      )
    } finally {
      await empty.stop(1000)
    }
  })

  it('names what is missing, and ends with 1', async () => {
    await post(pipeline, span('1'))
    await expect.poll(async () => (await run('readiness --key shop')).out).toContain('shop: no data yet')
    const { code, out } = await run('readiness --key shop --verbose')
    expect(code).toBe(1)
    expect(out).toMatch(/^… +zipkin +shadow +shop: no data yet — /m)
    expect(out).toMatch(/^V2 +unknown +not compared yet: run otlp-bridge parity$/m)
    expect(out).not.toContain('V9')
    expect((await run('readiness --question B --verbose')).out).toMatch(/^V9 +unknown +nobody counts who reads the old side$/m)
    const other = await run('readiness --key cart*')
    expect(other).toMatchObject({ code: 1, out: '' })
    const { items } = (await run('readiness --key sh* --json')).json() as { items: object[] }
    expect(items).toMatchObject([{ key: 'shop', endpoint: 'zipkin', question: 'A', answer: 'no-data' }])
  })

  it('ends with 0 when every condition passes or was waived, and shows who waived it', async () => {
    const waived = await running({ zipkin: { url: old.url } }, { waive: waivers })
    try {
      await post(waived, span('2'))
      await expect.poll(async () => (await run('readiness', ana, waived)).code).toBe(0)
      const { out } = await run('readiness --verbose', ana, waived)
      expect(out).toMatch(/^✓ +zipkin +dual +shop: ready to rely on the new side$/m)
      expect(out).toMatch(/^V2 +waived +not compared yet: run otlp-bridge parity; waived by ana: a test$/m)
      const gone = await run('phase set zipkin new-primary --reason "all ready"', ana, waived)
      expect(gone).toMatchObject({ code: 0, err: 'zipkin: dual → new-primary\n' })
      expect((await run('phase log --json', ana, waived)).json()).toMatchObject({ items: [{ forced: false, to: 'new-primary' }] })
    } finally {
      await waived.stop(1000)
    }
  })

  it('knows no third question', async () => {
    expect(await run('readiness --question C')).toMatchObject({ code: 2, err: expect.stringContaining('Allowed choices are A, B') })
  })
})

describe('clients', () => {
  it('lists who sends, as a table, JSON and CSV', async () => {
    await post(pipeline, span('3'))
    await expect.poll(async () => (await run('clients')).out).toMatch(/^zipkin\S* +shop +.*127\.0\.0\.1/m)
    const { items } = (await run('clients --json --sort key')).json() as { items: object[] }
    expect(items).toMatchObject([{ endpoint: 'zipkin', key: 'shop', silent: false }])
    const { out } = await run('clients --csv')
    expect(out.split('\r\n')[0]).toMatch(/^endpoint,format,key,library/)
    expect(out).toContain('zipkin,')
    expect(rowsOf((await run('clients --filter nobody')).out)).toEqual([])
  })
})

describe('without credentials', () => {
  it.each([['phase ls'], ['readiness'], ['clients --csv'], ['phase set zipkin --back']])('%s says where they belong', async (line) => {
    for (const env of [{}, { ...ana, OTLP_BRIDGE_ADMIN_PASSWORD: 'wrong' }]) {
      const { code, out, err } = await run(line, env)
      expect(code).toBe(2)
      expect(out).toBe('')
      expect(err).toContain('OTLP_BRIDGE_ADMIN_TOKEN, OTLP_BRIDGE_ADMIN_USER, OTLP_BRIDGE_ADMIN_PASSWORD')
      expect(err).not.toContain('wrong')
    }
  })
})
