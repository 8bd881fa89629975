/** The log: pino, pretty on a terminal, JSON lines otherwise, always on stderr (stdout is for machine-readable output). */

export interface Logger {
  trace(fields: object, message: string): void
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** A log that says nothing, for tests and commands that print their own output. */
export const silentLog: Logger = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }
