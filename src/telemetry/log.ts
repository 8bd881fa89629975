/** The log: pino, pretty on a terminal, JSON lines otherwise, always on stderr (stdout is for machine-readable output). */

import pino from 'pino'
import type { LogConfig, LogLevel } from './config.ts'
import { createPrettyPrinter, type LogTarget } from './pretty.ts'

export interface Logger {
  trace(fields: object, message: string): void
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A log whose level can be changed while it is used. */
export interface LevelledLog extends Logger {
  setLevel(level: LogLevel): void
}

/** A log that says nothing, for tests and commands that print their own output. */
export const silentLog: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

export interface LogOptions extends LogConfig {
  /** True when the target is a terminal: colours, and `auto` is pretty. */
  readonly terminal: boolean
  /** In every line, such as which worker it is. */
  readonly fields?: Readonly<Record<string, string | number>>
  /** Default: stderr, written at once, so that the last line before an exit is not lost. */
  readonly target?: LogTarget
}

const secrets = ['authorization', 'headers', 'token', 'password', 'secret']

/** Creates the log. Fields named like a secret, up to two levels deep, are written as `***`. */
export function createLog(options: LogOptions): LevelledLog {
  const target = options.target ?? pino.destination({ dest: 2, sync: true })
  const pretty = options.format === 'pretty' || (options.format === 'auto' && options.terminal)
  const log = pino(
    {
      level: options.level,
      base: options.fields ?? null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err, cause: pino.stdSerializers.err },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '***' },
    },
    pretty ? createPrettyPrinter(target, options.terminal) : target,
  )
  return Object.assign(log, {
    setLevel: (level: LogLevel) => {
      log.level = level
    },
  })
}

/** What the rate limit needs of the world, so that tests can turn the clock. */
export interface RateLimitDeps {
  /** Calls back once after that many milliseconds; must not keep the process alive. */
  readonly after: (ms: number, callback: () => void) => void
}

const unrefTimeout = (ms: number, callback: () => void): void => {
  setTimeout(callback, ms).unref()
}

/** Messages kept apart by the rate limit; beyond them, all others share one place. */
const maxMessages = 200

/**
 * Wraps a log for what a sender can cause at will: of each message, one line a second is written; the others are counted, and the
 * count stands in `repeated` of one further line, with the fields of the last, when the second is over. `message` must be constant.
 */
export function createRateLimitedLog(log: Logger, deps: RateLimitDeps = { after: unrefTimeout }, everyMs = 1000): Logger {
  const open = new Map<string, { repeated: number; fields: object }>()
  const limited =
    (level: keyof Logger) =>
    (fields: object, message: string): void => {
      const key = open.size < maxMessages ? `${level} ${message}` : level
      const window = open.get(key)
      if (window !== undefined) {
        window.repeated++
        window.fields = fields
        return
      }
      const fresh = { repeated: 0, fields }
      open.set(key, fresh)
      log[level](fields, message)
      deps.after(everyMs, () => {
        open.delete(key)
        if (fresh.repeated > 0) log[level]({ ...fresh.fields, repeated: fresh.repeated }, message)
      })
    }
  return { trace: limited('trace'), debug: limited('debug'), info: limited('info'), warn: limited('warn'), error: limited('error') }
}
