import { describe, expect, it } from 'vitest'
import { createReloader } from '../../src/cli/reloading.ts'
import { type Config, loadBridgeConfig } from '../../src/config/compose.ts'
import type { Read } from '../../src/config/load.ts'
import { BridgeError } from '../../src/errors.ts'
import type { ReloadReport } from '../../src/reload.ts'
import { createHealth } from '../../src/telemetry/health.ts'
import type { Logger } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

const report = (nextStart: readonly string[] = []): ReloadReport => ({
  changed: ['translate'],
  endpoints: { kept: [], started: [], restarted: ['zipkin'], stopped: [] },
  nextStart,
})

const config = (...set: string[]) => loadBridgeConfig({ set }, {})
const good = async (...set: string[]): Promise<Read<Config>> => ({ config: await config(...set), faults: [] })
const bad: Read<Config> = {
  config: undefined,
  faults: [{ path: 'emit.endpont', value: '"x"', message: 'unknown key; did you mean endpoint?', where: 'bridge.yaml:2:3' }],
}

const create = async () => {
  const health = createHealth()
  const metrics = createMetrics()
  const lines: string[] = []
  const say = (fields: object, message: string) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const log: Logger = { trace: say, debug: say, info: say, warn: say, error: say }
  const world = { next: () => good(), applied: [] as Config[], apply: (): Promise<ReloadReport> => Promise.resolve(report()) }
  const reloader = createReloader(await config(), {
    read: () => world.next(),
    apply(given) {
      world.applied.push(given)
      return world.apply()
    },
    health,
    metrics,
    log,
  })
  const counts = () =>
    Object.fromEntries(
      (metrics.collect().get('otlp_bridge_config_reloads_total') ?? []).map((cell) => [
        cell.labels['outcome'],
        'value' in cell ? cell.value : 0,
      ]),
    )
  return { world, reloader, counts, warnings: () => health.warnings().map(({ reason }) => reason), health, lines }
}

describe('createReloader', () => {
  it('does nothing when the configuration is the same', async () => {
    const { world, reloader, counts } = await create()
    await reloader.reload()
    expect([world.applied, counts()]).toEqual([[], { unchanged: 1 }])
  })

  it('puts a changed one into effect', async () => {
    const { world, reloader, counts, warnings } = await create()
    world.next = () => good('translate.semconv=legacy')
    await reloader.reload()
    await reloader.reload()
    expect(world.applied.map(({ translate }) => translate.semconv)).toEqual(['legacy'])
    expect([counts(), warnings()]).toEqual([{ applied: 1, unchanged: 1 }, []])
  })

  it('keeps the old one when the new has faults, and names each', async () => {
    const { world, reloader, counts, warnings, health, lines } = await create()
    world.next = async () => bad
    await reloader.reload()
    expect([world.applied, counts()]).toEqual([[], { refused: 1 }])
    expect(warnings()).toEqual([
      'the new configuration is not used, the one before stays: 1 fault',
      'bridge.yaml:2:3 emit.endpont: unknown key; did you mean endpoint?',
    ])
    expect(lines.join('\n')).toContain('emit.endpont')
    // A bad file must not take every replica out of service.
    expect(health.reasons()).toEqual([])
  })

  it('takes its warning back when the old configuration is there again', async () => {
    const { world, reloader, warnings } = await create()
    world.next = async () => bad
    await reloader.reload()
    world.next = () => good()
    await reloader.reload()
    expect(warnings()).toEqual([])
  })

  it('lives through a file that cannot be read', async () => {
    const { world, reloader, warnings } = await create()
    world.next = () => Promise.reject(new BridgeError('OB_CONFIG', 'cannot read the configuration x: gone'))
    await reloader.reload()
    expect(warnings()).toContain('cannot read the configuration x: gone')
  })

  it('says what could not be put into effect, and tries again when asked', async () => {
    const { world, reloader, counts, warnings } = await create()
    world.next = () => good('ingest.zipkin.port=1')
    world.apply = () => Promise.reject(new BridgeError('OB_LISTEN', 'cannot listen on localhost:1: denied'))
    await reloader.reload()
    expect(warnings()).toEqual([expect.stringContaining('cannot listen on localhost:1: denied')])
    world.apply = async () => report()
    await reloader.reload()
    expect([counts(), warnings()]).toEqual([{ failed: 1, applied: 1 }, []])
  })

  it('says what has to wait for the next start', async () => {
    const { world, reloader, warnings } = await create()
    world.next = () => good('queue.maxSize=1GiB')
    world.apply = async () => report(['queue.maxSize'])
    await reloader.reload()
    expect(warnings()).toEqual(['queue.maxSize has changed: the new value is used from the next start on'])
  })

  it('looks once more when it was asked while at work', async () => {
    const { world, reloader } = await create()
    let looks = 0
    world.next = () => {
      looks++
      return good()
    }
    await Promise.all([reloader.reload(), reloader.reload(), reloader.reload()])
    expect(looks).toBe(2)
  })
})
