/** A configuration that is being put together, and what is said about each thing it came from. */

import { emptySection, isSection, type Section, valueAt } from '../config/tree.ts'

/**
 * `carried`: stands in the configuration · `differs`: stands there, but look at it · `missing`: could not be carried over, and
 * data or answers change by it · `needless`: has no counterpart here and needs none.
 */
export type Level = 'carried' | 'differs' | 'missing' | 'needless'

/** What became of one setting. */
export interface Finding {
  readonly level: Level
  /** The setting as the user wrote it: `--collector.zipkin.host-port=:9411`, `receivers.zipkin.endpoint`. */
  readonly from: string
  /** The key it became, where it became one. */
  readonly to?: string
  /** Why, or what to do. */
  readonly message?: string
}

/** Host and port of a setting. */
export interface HostPort {
  readonly host: string
  /** Undefined when none is named: the default stays. */
  readonly port: number | undefined
}

export interface Draft {
  readonly tree: Section
  readonly findings: readonly Finding[]
  /** Sets a key: `ingest.zipkin.port`. With a message the user should look at it. */
  set(key: string, value: unknown, from: string, message?: string): void
  /** Sets a key that nobody wrote down but that follows from what was. */
  imply(key: string, value: unknown): void
  /** Makes sure that a section is there, empty if need be: its endpoint is started. */
  start(key: string, from: string, message?: string): void
  /** `host` and `port` of an endpoint out of `:9411`, `9411`, `0.0.0.0:9411`. */
  listen(key: string, hostPort: string, from: string): void
  missing(from: string, message: string): void
  needless(from: string, message: string): void
  has(key: string): boolean
}

const everywhere = '0.0.0.0'

/** `:14250`, `14250`, `host:14250`, `[::1]:14250`, `0.0.0.0`. Undefined when it is none of these. */
export function readHostPort(text: string): HostPort | undefined {
  const trimmed = text.trim()
  if (/^\d+$/.test(trimmed)) return { host: everywhere, port: Number(trimmed) }
  const found = /^(?:\[([^\]]+)\]|([^:[\]]*))(?::(\d+))?$/.exec(trimmed)
  if (found === null) return undefined
  const host = found[1] ?? found[2] ?? ''
  return { host: host === '' ? everywhere : host, port: found[3] === undefined ? undefined : Number(found[3]) }
}

const pathOf = (key: string): string[] => key.split('.')

/** Puts a value at a path; numbers lead into lists. */
function put(tree: Section, key: string, value: unknown): void {
  const path = pathOf(key)
  let at: Section | unknown[] = tree
  path.forEach((part, depth) => {
    const list = Array.isArray(at)
    const next: unknown = list ? (at as unknown[])[Number(part)] : (at as Section)[part]
    const inner = depth === path.length - 1 ? value : isSection(next) || Array.isArray(next) ? next : emptySection()
    if (list) (at as unknown[])[Number(part)] = inner
    else (at as Section)[part] = inner
    at = inner as Section
  })
}

/** Creates an empty draft. */
export function createDraft(): Draft {
  const tree = emptySection()
  const findings: Finding[] = []

  const draft: Draft = {
    tree,
    findings,
    set(key, value, from, message) {
      put(tree, key, value)
      findings.push(message === undefined ? { level: 'carried', from, to: key } : { level: 'differs', from, to: key, message })
    },
    imply: (key, value) => put(tree, key, value),
    start(key, from, message) {
      if (!draft.has(key)) put(tree, key, emptySection())
      findings.push(message === undefined ? { level: 'carried', from, to: key } : { level: 'differs', from, to: key, message })
    },
    listen(key, hostPort, from) {
      const read = readHostPort(hostPort)
      if (read === undefined) {
        draft.missing(from, `not a host and port: set ${key}.host and ${key}.port by hand`)
        return
      }
      put(tree, `${key}.host`, read.host)
      if (read.port !== undefined) put(tree, `${key}.port`, read.port)
      findings.push({ level: 'carried', from, to: key })
    },
    missing: (from, message) => void findings.push({ level: 'missing', from, message }),
    needless: (from, message) => void findings.push({ level: 'needless', from, message }),
    has: (key) => valueAt(tree, pathOf(key)) !== undefined,
  }
  return draft
}
