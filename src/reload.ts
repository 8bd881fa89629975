/** What a new configuration changes in a running bridge, and what of it has to wait for the next start. */

import { isDeepStrictEqual } from 'node:util'
import type { ListenerStatus } from './admin/status.ts'
import type { Config } from './config/compose.ts'
import type { EndpointChanges } from './ingest/endpoints.ts'

/** What a reload did. */
export interface ReloadReport {
  /** Sections that changed and are in use now. */
  readonly changed: readonly string[]
  readonly endpoints: EndpointChanges
  /** Options that changed and are used from the next start on. */
  readonly nextStart: readonly string[]
}

export interface ConfigChange {
  /** The new configuration, but with the running one's options where they cannot change now. */
  readonly config: Config
  readonly changed: readonly (keyof Config)[]
  readonly nextStart: readonly string[]
}

/** Sections that hold files and ports for as long as the bridge runs. */
const lasting = ['queue', 'admin'] as const

const isSection = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths of the options that differ, such as `queue.maxSize`. */
function differences(one: unknown, other: unknown, path: string): string[] {
  if (isDeepStrictEqual(one, other)) return []
  if (!isSection(one) || !isSection(other)) return [path]
  return [...new Set([...Object.keys(one), ...Object.keys(other)])].flatMap((key) => differences(one[key], other[key], `${path}.${key}`))
}

/** Compares two whole configurations. Pure. */
export function changeOf(running: Config, next: Config): ConfigChange {
  const nextStart = lasting.flatMap((name) => differences(running[name], next[name], name))
  if (running.log.format !== next.log.format) nextStart.push('log.format')
  const config: Config = { ...next, queue: running.queue, admin: running.admin, log: { ...next.log, format: running.log.format } }
  const changed = (Object.keys(config) as (keyof Config)[]).filter((name) => !isDeepStrictEqual(config[name], running[name]))
  return { config, changed, nextStart }
}

const pinned = (value: unknown, path: string, portOf: (section: string) => number | undefined): unknown => {
  if (!isSection(value)) return value
  const entries = Object.entries(value).map(([key, below]) => [key, pinned(below, `${path}.${key}`, portOf)] as const)
  const port = value['port'] === 0 ? portOf(path) : undefined
  return { ...Object.fromEntries(entries), ...(port === undefined ? {} : { port }) }
}

/** The configuration with `port: 0` replaced by the ports that listeners have got, so that they keep them and others can share them. */
export function pinPorts(config: Config, listeners: readonly ListenerStatus[]): Config {
  const ports = new Map(listeners.map(({ section, addresses }) => [section, Number(/:(\d+)$/.exec(addresses[0] ?? '')?.[1] ?? 0)]))
  const portOf = (section: string): number | undefined => ports.get(section) || undefined
  return { ...config, ingest: pinned(config.ingest, 'ingest', portOf) as Config['ingest'] }
}
