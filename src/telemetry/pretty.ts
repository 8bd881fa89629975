/** JSON log lines as a person reads them: time, level, message, then the fields. */

/** Where lines go; each call is one whole line with its end. */
export interface LogTarget {
  write(line: string): void
}

const colours: Readonly<Record<string, string>> = { trace: '90', debug: '90', info: '32', warn: '33', error: '31' }

const text = (value: unknown): string => {
  if (typeof value === 'string') return /[\s="]/.test(value) || value === '' ? JSON.stringify(value) : value
  return JSON.stringify(value)
}

interface ErrorFields {
  readonly message?: unknown
  readonly code?: unknown
  readonly stack?: unknown
}

const isError = (value: unknown): value is ErrorFields => typeof value === 'object' && value !== null && 'stack' in value

/**
 * One line of pino's JSON → `13:05:00.123 WARN  message  key=value`. An error is its code and message; its stack follows only at
 * level error, and not for errors with a code of ours, whose message says it all. What is not JSON comes back unchanged.
 */
export function prettyLine(line: string, colour: boolean): string {
  let record: Record<string, unknown>
  try {
    record = JSON.parse(line) as Record<string, unknown>
  } catch {
    return line
  }
  const paint = (code: string, words: string): string => (colour ? `\u001b[${code}m${words}\u001b[0m` : words)
  const { level, time, msg, ...fields } = record
  const parts: string[] = []
  let stack = ''
  for (const [key, value] of Object.entries(fields)) {
    if (!isError(value)) {
      parts.push(`${paint('90', `${key}=`)}${text(value)}`)
      continue
    }
    const code = typeof value.code === 'string' ? value.code : ''
    parts.push(`${paint('90', `${key}=`)}${text(code === '' ? value.message : `${code}: ${String(value.message)}`)}`)
    if (level === 'error' && !code.startsWith('OB_')) stack = `\n${String(value.stack)}`
  }
  const clock = String(time).slice(11, 23)
  const label = String(level).toUpperCase().padEnd(5)
  return `${paint('90', clock)} ${paint(colours[String(level)] ?? '0', label)} ${String(msg ?? '')}${parts.length > 0 ? `  ${parts.join(' ')}` : ''}${stack}\n`
}

/** A target that takes pino's lines and hands on pretty ones. */
export function createPrettyPrinter(target: LogTarget, colour: boolean): LogTarget {
  return { write: (line) => target.write(prettyLine(line, colour)) }
}
