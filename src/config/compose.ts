/** The whole configuration: every section, joined from the schemas that stand beside the code they configure. */

// Before all that makes schemas.
import './jitless.ts'
import { z } from 'zod'
import { adminConfig } from '../admin/config.ts'
import { backfillConfig } from '../backfill/config.ts'
import { inventoryConfig } from '../clients/config.ts'
import { verdictConfig } from '../cutover/config.ts'
import { emitConfig, queueConfig } from '../emit/config.ts'
import { destinationsOf } from '../emit/destinations.ts'
import { emitFromEnv } from '../emit/otel-env.ts'
import { everyEndpoint, ingestConfig, translateConfig } from '../ingest/index.ts'
import { mirrorConfig } from '../mirror/config.ts'
import { parityConfig } from '../parity/config.ts'
import { samplingConfig } from '../sampling/config.ts'
import { logConfig, logFromOtelEnv } from '../telemetry/config.ts'
import { silentLog } from '../telemetry/log.ts'
import { listenerFileFaults } from './files.ts'
import { type Check, loadConfig, type Read, readConfig, type Sources, type Standard } from './load.ts'
import { type Path, printPath } from './tree.ts'
import { userMappingFaults } from './user-mapping.ts'

/** The schema of a configuration file. */
export const configSchema = z.strictObject({
  ingest: ingestConfig.default(everyEndpoint),
  translate: translateConfig,
  emit: emitConfig,
  queue: queueConfig,
  sampling: samplingConfig,
  mirror: mirrorConfig,
  inventory: inventoryConfig,
  parity: parityConfig,
  verdict: verdictConfig,
  backfill: backfillConfig,
  admin: adminConfig,
  log: logConfig,
})

/** A configuration with every default filled in; frozen. */
export type Config = z.output<typeof configSchema>

const fromStandardEnv = (env: Sources['env']): Standard => {
  const { config, faults } = emitFromEnv(env)
  return { tree: { emit: config, ...logFromOtelEnv(env) }, faults }
}

/** The options that name a configuration on the command line. */
export interface ConfigOptions {
  readonly config?: string | undefined
  readonly set?: readonly string[]
}

const sourcesOf = (options: ConfigOptions, env: Sources['env']): Sources => ({
  file: options.config,
  sets: options.set ?? [],
  env,
  fromEnv: fromStandardEnv,
})

/** The files that a configuration names: whether they are there and hold what they should. */
const checkFiles: Check<Config> = async (config) => [
  ...(await emitFileFaults(config)),
  ...(await listenerFileFaults(config)),
  ...(await samplingFileFaults(config)),
  ...(await userMappingFaults(config.translate)),
]

/** A URL is not asked: whether it answers is for the start to find out. */
const samplingFileFaults: Check<Config> = async ({ sampling: { file, defaultProbability } }) => {
  if (file === undefined || /^https?:/i.test(file)) return []
  const { openStrategiesFile } = await import('../sampling/file.ts')
  try {
    await openStrategiesFile({ file, defaultProbability, reloadIntervalMs: 0 }, silentLog)
    return []
  } catch (error) {
    return [{ path: ['sampling', 'file'], message: error instanceof Error ? error.message : String(error) }]
  }
}

const emitFileFaults: Check<Config> = async ({ emit }) => {
  const faults = new Map<string, { path: Path; message: string }>()
  for (const [at, { tls }] of destinationsOf(emit).entries()) {
    if (Object.values(tls).every((file) => file === undefined)) continue
    const { readTls } = await import('../net/tls.ts')
    const own = emit.destinations?.[at]?.tls
    for (const { key, message } of (await readTls(tls)).faults) {
      const path = own?.[key] === undefined ? ['emit', 'tls', key] : ['emit', 'destinations', at, 'tls', key]
      // What several destinations share is told once.
      faults.set(printPath(path), { path, message })
    }
  }
  return [...faults.values()]
}

export interface ReadOptions {
  /** Whether the files that it names are looked at too; not for commands that do without them. */
  readonly files?: boolean
}

const checkOf = ({ files = false }: ReadOptions): Check<Config> | undefined => (files ? checkFiles : undefined)

/** The configuration of this run. Throws OB_CONFIG that lists every fault. */
export function loadBridgeConfig(options: ConfigOptions, env: Sources['env'], reading: ReadOptions = {}): Promise<Config> {
  return loadConfig(configSchema, sourcesOf(options, env), checkOf(reading))
}

/** The same, with the faults as values. */
export function readBridgeConfig(options: ConfigOptions, env: Sources['env'], reading: ReadOptions = {}): Promise<Read<Config>> {
  return readConfig(configSchema, sourcesOf(options, env), checkOf(reading))
}
