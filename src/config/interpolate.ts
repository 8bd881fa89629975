/** `${env:NAME}` and `${env:NAME:-default}` in values, as in the OpenTelemetry configuration; `$$` is one dollar sign. */

export interface Interpolated {
  readonly text: string
  /** References that could not be read, as written. */
  readonly unreadable: readonly string[]
}

const reference = /\$\$|\$\{([^}]*)\}/g
const inner = /^(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s

/**
 * Replaces the references in one value. A variable that is not set, or is empty, gives its default, else nothing. What comes
 * in is not looked at again, so a variable can hold `${…}` literally. `${NAME}` is short for `${env:NAME}`. Never throws.
 */
export function interpolate(text: string, env: Readonly<Record<string, string | undefined>>): Interpolated {
  const unreadable: string[] = []
  const replaced = text.replace(reference, (whole: string, body: string | undefined) => {
    if (body === undefined) return '$'
    const match = inner.exec(body)
    if (match === null) {
      unreadable.push(whole)
      return ''
    }
    const value = env[match[1] ?? '']
    return value === undefined || value === '' ? (match[2] ?? '') : value
  })
  return { text: replaced, unreadable }
}

/** A value from the command line or the environment as YAML would type it: null, true, false, a number, else the text itself. */
export function typedScalar(text: string): unknown {
  if (text === '' || text === '~' || text === 'null') return null
  if (text === 'true') return true
  if (text === 'false') return false
  if (/^[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?$/.test(text)) return Number(text)
  return text
}
