/** `otlp-bridge check-config`: validates, lists every fault, prints the effective configuration with secrets masked. */

import { type ConfigOptions, configSchema, readBridgeConfig } from '../config/compose.ts'
import { printFaults } from '../config/faults.ts'
import { maskSecrets } from '../config/mask.ts'
import type { Path } from '../config/tree.ts'
import { printByteSize, printDuration, unitOf } from '../config/units.ts'
import { schemaAt } from '../config/walk.ts'
import { queueSettings } from '../emit/config.ts'
import type { Io } from './io.ts'

export interface CheckConfigOptions extends ConfigOptions {
  readonly print?: boolean
  readonly json?: boolean
}

/** Numbers of milliseconds and bytes as a user writes them, so that what is printed can be used as a file. */
function withUnits(value: unknown, path: Path): unknown {
  if (Array.isArray(value)) return value.map((one, at) => withUnits(one, [...path, at]))
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withUnits(one, [...path, key])]))
  }
  const schema = typeof value === 'number' ? schemaAt(configSchema, path) : undefined
  const unit = schema === undefined ? undefined : unitOf(schema)
  if (unit === undefined || typeof value !== 'number') return value
  return unit === 'duration' ? printDuration(value) : printByteSize(value)
}

export async function checkConfig(options: CheckConfigOptions, io: Io): Promise<number> {
  const { config, faults } = await readBridgeConfig(options, io.env, { files: true })
  if (config === undefined) {
    if (options.json === true) io.out(`${JSON.stringify({ ok: false, faults }, null, 2)}\n`)
    else
      io.err(
        `${options.config ?? 'the configuration'}: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}\n${printFaults(faults)}\n`,
      )
    return 2
  }
  const effective = maskSecrets(withUnits({ ...config, queue: queueSettings(config.queue) }, []))
  if (options.json === true) io.out(`${JSON.stringify({ ok: true, faults: [], config: effective }, null, 2)}\n`)
  else if (options.print === true) io.out((await import('yaml')).stringify(effective))
  else io.err(`${options.config ?? 'the configuration'}: no faults\n`)
  return 0
}
