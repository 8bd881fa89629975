/** JSON as Elasticsearch writes it with `?pretty`: two blanks a level, blanks round colons, `{ }` and `[ ]` for what is empty, a line feed behind. */

function write(value: unknown, indent: string): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const inner = `${indent}  `
  if (Array.isArray(value)) {
    if (value.length === 0) return '[ ]'
    return `[\n${value.map((one) => inner + write(one, inner)).join(',\n')}\n${indent}]`
  }
  const members = Object.entries(value).filter(([, one]) => one !== undefined)
  if (members.length === 0) return '{ }'
  return `{\n${members.map(([key, one]) => `${inner}${JSON.stringify(key)} : ${write(one, inner)}`).join(',\n')}\n${indent}}`
}

/** @param value what `JSON.stringify` takes, nested no deeper than a few hundred levels */
export const prettyJson = (value: unknown): string => `${write(value, '')}\n`
