/** Section `log` of the configuration. */

import { z } from 'zod'

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'silent'] as const

export type LogLevel = (typeof logLevels)[number]

/** Section `log`. */
export const logConfig = z
  .strictObject({
    level: z.enum(logLevels).default('info').describe('Least level that is written; `OTEL_LOG_LEVEL` sets it too.'),
    format: z.enum(['auto', 'pretty', 'json']).default('auto').describe('`auto` is pretty on a terminal and JSON lines otherwise.'),
  })
  .prefault({})
  .describe('The log, always on stderr.')

export type LogConfig = z.output<typeof logConfig>

const levelWords: Readonly<Record<string, LogLevel>> = {
  warning: 'warn',
  fatal: 'error',
  all: 'trace',
  verbose: 'debug',
  none: 'silent',
  off: 'silent',
}

/** `OTEL_LOG_LEVEL` as a `log` section; a word that no one knows counts as not set, as the OpenTelemetry specification wants. */
export function logFromOtelEnv(env: Readonly<Record<string, string | undefined>>): { log?: { level: LogLevel } } {
  const word = env['OTEL_LOG_LEVEL']?.trim().toLowerCase() ?? ''
  const level = logLevels.find((one) => one === word) ?? levelWords[word]
  return level === undefined ? {} : { log: { level } }
}
