/** Reads the configuration again when asked to, and puts it into effect if it has no faults; otherwise the one in use stays. */

import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config/compose.ts'
import type { Fault } from '../config/faults.ts'
import type { Read } from '../config/load.ts'
import type { ReloadReport } from '../reload.ts'
import type { Health } from '../telemetry/health.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'

export interface ReloaderDeps {
  /** Throws when the file cannot be read at all. */
  readonly read: () => Promise<Read<Config>>
  /** Throws what keeps it from being used; what was in use is in use again then. */
  readonly apply: (config: Config) => Promise<ReloadReport>
  readonly metrics: Pick<Metrics, 'counter'>
  readonly health: Pick<Health, 'warn'>
  readonly log: Logger
}

export interface Reloader {
  /** Never rejects. Asked again while it is at work, it looks once more afterwards. */
  reload(): Promise<void>
}

/** Faults beyond this many are in the log only. */
const shownFaults = 10

const sentence = ({ where, path, message }: Fault): string =>
  [where, path === '' ? '' : `${path}:`, message].filter((one) => one !== '').join(' ')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** @param inUse the configuration that the bridge was started with */
export function createReloader(inUse: Config, deps: ReloaderDeps): Reloader {
  const { log } = deps
  let last = inUse
  let trouble: readonly string[] = []
  let later: readonly string[] = []
  deps.health.warn('configuration', () => [...trouble, ...later])

  const count = (outcome: string): void => {
    deps.metrics.counter('otlp_bridge_config_reloads_total', { outcome }).value++
  }

  /** @param say writes the faults to the log, unless they were just said: a signal and the change of the file may come together */
  const refuse = (faults: readonly string[], say: () => void): void => {
    count('refused')
    const before = trouble
    trouble = [
      `the new configuration is not used, the one before stays: ${faults.length === 1 ? '1 fault' : `${faults.length} faults`}`,
      ...faults.slice(0, shownFaults),
    ]
    if (!isDeepStrictEqual(trouble, before)) say()
  }

  const look = async (): Promise<void> => {
    let read: Read<Config>
    try {
      read = await deps.read()
    } catch (error) {
      const fault = messageOf(error)
      return refuse([fault], () => log.error({ fault }, 'the configuration cannot be read; the one in use stays'))
    }
    const { config, faults } = read
    if (config === undefined) {
      return refuse(faults.map(sentence), () => {
        for (const { path, value, where, message } of faults) {
          log.error({ option: path, value, where, fault: message }, 'the new configuration has a fault; the one in use stays')
        }
      })
    }
    if (isDeepStrictEqual(config, last)) {
      trouble = []
      count('unchanged')
      log.info({}, 'the configuration is the same as before')
      return
    }
    await use(config)
  }

  const use = async (config: Config): Promise<void> => {
    let report: ReloadReport
    try {
      report = await deps.apply(config)
    } catch (error) {
      count('failed')
      trouble = [`the new configuration could not be put into effect, the one before is in use: ${messageOf(error)}`]
      log.error({ fault: messageOf(error) }, 'the new configuration could not be put into effect; the one before is in use')
      return
    }
    last = config
    trouble = []
    later = report.nextStart.map((option) => `${option} has changed: the new value is used from the next start on`)
    count('applied')
    const { kept, started, restarted, stopped } = report.endpoints
    log.info({ changed: report.changed, kept, started, restarted, stopped }, 'the new configuration is in use')
    if (report.nextStart.length > 0) log.warn({ options: report.nextStart }, 'some of what has changed is used from the next start on')
  }

  let running: Promise<void> | undefined
  let again = false
  const work = async (): Promise<void> => {
    do {
      again = false
      await look()
    } while (again)
    running = undefined
  }

  return {
    reload() {
      if (running === undefined) running = work()
      else again = true
      return running
    },
  }
}
