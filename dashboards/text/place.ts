/** Paths of values, and where in a text something is. */

const identifier = /^[A-Za-z_$][\w$]*$/

/** `.key`, or `["a.b"]` of a key that is no identifier. */
export const memberPath = (key: string): string => (identifier.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`)

/** `line 3, column 14`, both from 1. */
export function lineAndColumn(text: string, at: number): string {
  let line = 1
  let start = 0
  for (let next = text.indexOf('\n'); next !== -1 && next < at; next = text.indexOf('\n', next + 1)) {
    line++
    start = next + 1
  }
  return `line ${line}, column ${at - start + 1}`
}
