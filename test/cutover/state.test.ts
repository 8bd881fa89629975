import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { EndpointState, Phase } from '../../src/cutover/model.ts'
import { type ConfiguredEndpoint, type CutoverDeps, createCutover, type RunningCutover } from '../../src/cutover/state.ts'
import { silentLog } from '../../src/telemetry/log.ts'

let folder: string
let file: string
let nowMs: number
let open: RunningCutover[]

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-'))
  file = join(folder, 'queue', 'cutover.json')
  nowMs = 1_000_000
  open = []
})
afterEach(async () => {
  for (const one of open) one.close()
  await rm(folder, { recursive: true })
})

const endpoint = (over: Partial<ConfiguredEndpoint> = {}): ConfiguredEndpoint => ({
  phase: 'dual',
  answer: undefined,
  share: { new: 1, old: 1 },
  until: undefined,
  ...over,
})

const start = async (endpoints: Readonly<Record<string, ConfiguredEndpoint>>, deps: Partial<CutoverDeps> = {}): Promise<RunningCutover> => {
  const cutover = await createCutover(
    { file, endpoints: new Map(Object.entries(endpoints)) },
    { nowMs: () => nowMs, log: silentLog, lookMs: 10, ...deps },
  )
  open.push(cutover)
  return cutover
}

describe('createCutover', () => {
  it('begins as the configuration says, with the answer of the phase', async () => {
    const cutover = await start({
      zipkin: endpoint({ phase: 'shadow' }),
      prometheus: endpoint({ phase: 'shadow', answer: 'bridge', share: { new: 0.1, old: 0.5 } }),
    })
    expect(cutover.of('zipkin')).toMatchObject({ phase: 'shadow', answer: 'legacy', share: { new: 1, old: 1 }, revision: 1, paused: false })
    expect(cutover.of('prometheus')).toMatchObject({ phase: 'shadow', answer: 'bridge', share: { new: 0.1, old: 1 } })
    expect(cutover.of('elasticsearch')).toBeUndefined()
  })

  it('keeps what was switched over a restart, with who and why', async () => {
    const first = await start({ zipkin: endpoint() })
    nowMs += 5000
    await first.change('zipkin', { phase: 'new-primary', reason: 'all is well' }, 'ana')
    await first.change('zipkin', { share: { old: 0.25 }, reason: 'less load' }, 'ana')
    first.close()
    const second = await start({ zipkin: endpoint() })
    expect(second.of('zipkin')).toMatchObject({ phase: 'new-primary', share: { new: 1, old: 0.25 }, sinceMs: nowMs, revision: 3 })
    expect(second.changes()).toEqual([
      { atMs: nowMs, who: 'ana', endpoint: 'zipkin', what: 'phase', from: 'dual', to: 'new-primary', reason: 'all is well', forced: false },
      { atMs: nowMs, who: 'ana', endpoint: 'zipkin', what: 'share.old', from: '100%', to: '25%', reason: 'less load', forced: false },
    ])
  })

  it('lets the file win once somebody changes it', async () => {
    const first = await start({ zipkin: endpoint() })
    await first.change('zipkin', { phase: 'shadow', reason: '' }, 'ana')
    await first.reconfigure(new Map([['zipkin', endpoint({ until: '2026-12-31' })]]))
    expect(first.of('zipkin')).toMatchObject({ phase: 'shadow', until: '2026-12-31' })
    await first.reconfigure(new Map([['zipkin', endpoint({ phase: 'new-primary' })]]))
    expect(first.of('zipkin')?.phase).toBe('new-primary')
    expect(first.changes().at(-2)).toMatchObject({ who: 'file', what: 'phase', from: 'shadow', to: 'new-primary' })
  })

  it('lets those begin that come, and the others where they are, until all processes have the configuration', async () => {
    const cutover = await start({ zipkin: endpoint({ phase: 'shadow' }) })
    await cutover.change('zipkin', { paused: true, reason: '' }, 'ana')
    const next = new Map([
      ['zipkin', endpoint({ phase: 'new-only' })],
      ['prometheus', endpoint({ phase: 'dual' })],
    ])
    await cutover.reconfigure(next, true)
    expect(cutover.list()).toMatchObject([
      { endpoint: 'zipkin', phase: 'shadow', paused: true },
      { endpoint: 'prometheus', phase: 'dual' },
    ])
    await cutover.reconfigure(next)
    expect(cutover.of('zipkin')?.phase).toBe('new-only')
  })

  it('changes the answer with the phase, unless one is asked for or configured', async () => {
    const cutover = await start({ zipkin: endpoint({ phase: 'shadow' }), prometheus: endpoint({ phase: 'shadow', answer: 'legacy' }) })
    expect(await cutover.change('zipkin', { phase: 'dual', reason: '' }, 'ana')).toMatchObject({ answer: 'bridge' })
    expect(await cutover.change('zipkin', { answer: 'legacy', reason: '' }, 'ana')).toMatchObject({ answer: 'legacy' })
    expect(await cutover.change('zipkin', { paused: true, reason: '' }, 'ana')).toMatchObject({ answer: 'legacy' })
    expect(await cutover.change('prometheus', { phase: 'dual', reason: '' }, 'ana')).toMatchObject({ answer: 'legacy' })
  })

  it('refuses a step forward whose conditions are not met, and keeps on record that it was forced', async () => {
    const unmet = async (_state: EndpointState, to: Phase) => (to === 'new-primary' ? ['37 dead letters'] : [])
    const cutover = await start({ zipkin: endpoint() }, { unmet })
    const forward = { phase: 'new-primary', reason: 'they are of a test' } as const
    await expect(cutover.change('zipkin', forward, 'ana')).rejects.toMatchObject({
      code: 'OB_CUTOVER_REFUSED',
      message: 'cannot go from dual to new-primary with zipkin: 37 dead letters',
    })
    await expect(cutover.change('zipkin', { ...forward, reason: ' ', force: true }, 'ana')).rejects.toMatchObject({
      code: 'OB_CUTOVER_REFUSED',
    })
    expect(cutover.of('zipkin')?.phase).toBe('dual')
    await cutover.change('zipkin', { ...forward, force: true }, 'ana')
    expect(cutover.changes().at(-1)).toMatchObject({ to: 'new-primary', forced: true, reason: 'they are of a test' })
  })

  it('never asks for a condition on the way back', async () => {
    const cutover = await start({ zipkin: endpoint({ phase: 'new-only' }) }, { unmet: async () => ['never'] })
    expect(await cutover.change('zipkin', { phase: 'new-primary', reason: '' }, 'ana')).toMatchObject({ phase: 'new-primary' })
    expect(await cutover.change('zipkin', { phase: 'shadow', reason: '' }, 'ana')).toMatchObject({ phase: 'shadow' })
  })

  it('lets the new side grow in shadow and the old one shrink in new-primary, and nowhere else', async () => {
    const cutover = await start({ zipkin: endpoint({ phase: 'shadow' }) })
    await cutover.change('zipkin', { share: { new: 0.1 }, reason: '' }, 'ana')
    await expect(cutover.change('zipkin', { share: { old: 0.1 }, reason: '' }, 'ana')).rejects.toThrow(
      'the old side must have all in shadow',
    )
    expect(await cutover.change('zipkin', { phase: 'dual', reason: '' }, 'ana')).toMatchObject({ share: { new: 1, old: 1 } })
    await expect(cutover.change('zipkin', { share: { new: 0.1 }, reason: '' }, 'ana')).rejects.toThrow('the new side gets all in dual')
    await cutover.change('zipkin', { phase: 'new-primary', reason: '' }, 'ana')
    expect(await cutover.change('zipkin', { share: { old: 0.1 }, reason: '' }, 'ana')).toMatchObject({ share: { new: 1, old: 0.1 } })
    expect(await cutover.change('zipkin', { phase: 'new-only', reason: '' }, 'ana')).toMatchObject({ share: { new: 1, old: 0 } })
    // Back, it is what it was.
    expect(await cutover.change('zipkin', { phase: 'new-primary', reason: '' }, 'ana')).toMatchObject({ share: { new: 1, old: 0.1 } })
  })

  it('takes one step forward at a time', async () => {
    const cutover = await start({ zipkin: endpoint({ phase: 'shadow' }) })
    await expect(cutover.change('zipkin', { phase: 'new-only', reason: '' }, 'ana')).rejects.toThrow('is 3 steps: take one after the other')
  })

  it('refuses what is based on a state that is over, shares that are none, and endpoints without a mirror', async () => {
    const cutover = await start({ zipkin: endpoint() })
    await cutover.change('zipkin', { paused: true, reason: '' }, 'ana', 1)
    await expect(cutover.change('zipkin', { paused: false, reason: '' }, 'ben', 1)).rejects.toMatchObject({ code: 'OB_CUTOVER_CONFLICT' })
    await expect(cutover.change('zipkin', { share: { new: 1.5 }, reason: '' }, 'ben')).rejects.toMatchObject({ code: 'OB_CUTOVER_REFUSED' })
    await expect(cutover.change('beats', { paused: true, reason: '' }, 'ben')).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })

  it('tells other processes of the same bridge, and who listens in them', async () => {
    const [one, other] = [await start({ zipkin: endpoint({ phase: 'shadow' }) }), await start({ zipkin: endpoint({ phase: 'shadow' }) })]
    const seen = new Promise<EndpointState>((resolve) => other.subscribe(resolve))
    await one.change('zipkin', { share: { new: 0.5 }, reason: '' }, 'ana')
    expect((await seen).share.new).toBe(0.5)
    expect(other.of('zipkin')?.revision).toBe(2)
    // What the other one changes builds on it.
    await other.change('zipkin', { paused: true, reason: '' }, 'ben', 2)
    expect(JSON.parse(await readFile(file, 'utf8')).endpoints.zipkin).toMatchObject({ paused: true, share: { new: 0.5 }, revision: 3 })
  })

  it('sets a file aside that it cannot read', async () => {
    const first = await start({ zipkin: endpoint() })
    first.close()
    await writeFile(file, '{"version":1,"endpoints":{"zipkin":{"phase":"away"}},"changes":[]}')
    const second = await start({ zipkin: endpoint() })
    expect(second.of('zipkin')?.phase).toBe('dual')
    expect((await readdir(join(folder, 'queue'))).some((name) => name.startsWith('cutover.json.bad-'))).toBe(true)
  })

  it('does without a file where nothing outlives the process', async () => {
    const cutover = await createCutover(
      { file: undefined, endpoints: new Map([['zipkin', endpoint()]]) },
      { nowMs: () => nowMs, log: silentLog },
    )
    await cutover.change('zipkin', { paused: true, reason: '' }, 'ana')
    expect(cutover.of('zipkin')?.paused).toBe(true)
  })
})
