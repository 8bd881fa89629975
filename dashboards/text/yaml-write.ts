/** New values of a YAML text, in block or in flow style, plain where that cannot be misread by any reader of YAML 1.1 or 1.2. */

/** Letters first, so that no number, date or sign of YAML is met; then nothing that begins a comment or a pair. */
const plainText = /^[A-Za-z_/$(][\w./()$%+=<>~^*-]*(?: [\w./()$%+=<>~^*-]+)*$/
const words = /^(?:true|false|yes|no|on|off|y|n|null|nan|inf)$/i

const isPlain = (text: string): boolean => text.length < 1000 && plainText.test(text) && !words.test(text)

/** In double quotes, on one line. */
export const doubleQuoted = (text: string): string =>
  JSON.stringify(text).replace(
    /[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

/** In single quotes; undefined: it needs escapes. */
export const singleQuoted = (text: string): string | undefined =>
  /^[\x20-\x7e\u00a1-\ud7ff\ue000-\ufefe\uff00-\ufffd]*$/.test(text) ? `'${text.replaceAll("'", "''")}'` : undefined

const quoted = (text: string): string => (text.includes("'") ? doubleQuoted(text) : (singleQuoted(text) ?? doubleQuoted(text)))

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

function scalar(value: unknown): string {
  if (typeof value === 'string') return isPlain(value) ? value : quoted(value)
  if (typeof value === 'number' && !Number.isFinite(value)) return Number.isNaN(value) ? '.nan' : value > 0 ? '.inf' : '-.inf'
  return JSON.stringify(value) ?? 'null'
}

/** A key; one that a reader could take for more than a text is quoted. */
export const yamlKey = (key: string): string => (isPlain(key) && !key.includes(' ') && key !== '<<' ? key : quoted(key))

const membersOf = (value: object): readonly (readonly [string, unknown])[] =>
  Object.entries(value).filter(([, member]) => member !== undefined)

/** On one line, as it stands between brackets too. */
export function yamlFlow(value: unknown): string {
  if (typeof value === 'string') return isPlain(value) && /^[\w./$ -]*$/.test(value) ? value : quoted(value)
  if (!isObject(value)) return scalar(value)
  if (Array.isArray(value)) return `[${value.map(yamlFlow).join(', ')}]`
  const members = membersOf(value).map(([key, member]) => `${yamlKey(key)}: ${yamlFlow(member)}`)
  return members.length === 0 ? '{}' : `{ ${members.join(', ')} }`
}

export interface YamlLayout {
  readonly eol: string
  /** Spaces of one step. */
  readonly step: number
  /** Spaces of the dashes of a list within its key. */
  readonly dash: number
  /** Whether a text of several lines may be a literal block: no comment stands behind. */
  readonly blocks: boolean
}

/** A text of several lines that a literal block holds without doubt. */
const fitsBlock = (text: string): boolean =>
  /^[^\s][^\r]*\n/.test(text) &&
  !/[^\x20-\x7e\n\u00a1-\ud7ff\ue000-\ufefe\uff00-\ufffd]/.test(text) &&
  !/ (?:\n|$)/.test(text) &&
  !/\n\n$/.test(text)

const empty = (value: object): boolean => (Array.isArray(value) ? value.length === 0 : membersOf(value).length === 0)

function blockText(text: string, column: number, { eol }: YamlLayout): string {
  const indent = ' '.repeat(column)
  const lines = (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n')
  return `${text.endsWith('\n') ? '|' : '|-'}${eol}${lines.map((line) => (line === '' ? '' : indent + line)).join(eol)}`
}

/**
 * Members or elements, the first without indentation, the others at a column.
 * @param value a map or a list with something in it
 */
export function yamlLines(value: object, column: number, layout: YamlLayout): string {
  const line = `${layout.eol}${' '.repeat(column)}`
  if (Array.isArray(value)) return value.map((item) => `-${yamlBehindDash(item, column, layout)}`).join(line)
  return membersOf(value)
    .map(([key, member]) => `${yamlKey(key)}:${yamlBehindColon(member, column, layout)}`)
    .join(line)
}

/** What stands behind a dash. @param column of the dash */
export function yamlBehindDash(value: unknown, column: number, layout: YamlLayout): string {
  if (isObject(value) && !empty(value)) return ` ${yamlLines(value, column + 2, layout)}`
  return yamlBehindColon(value, column, layout)
}

/** What stands behind the colon of a key. @param column of the key */
export function yamlBehindColon(value: unknown, column: number, layout: YamlLayout): string {
  if (isObject(value)) {
    if (empty(value)) return Array.isArray(value) ? ' []' : ' {}'
    const inner = column + (Array.isArray(value) ? layout.dash : layout.step)
    return `${layout.eol}${' '.repeat(inner)}${yamlLines(value, inner, layout)}`
  }
  if (typeof value === 'string' && layout.blocks && fitsBlock(value)) return ` ${blockText(value, column + layout.step, layout)}`
  return ` ${scalar(value)}`
}
