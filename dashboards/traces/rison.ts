/** RISON, the form in which Kibana keeps its state in URLs: `(a:!t,b:!('x',1),c:'it!'s')`. Read only. */

export class RisonFault extends Error {}

const deepest = 100
/** Signs that end a word outside of quotes. */
const ending = /[\s'!:(),*@$]/
const number = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e-?\d+)?$/i

/** Reads a value. Objects have no prototype. Throws {@link RisonFault} for what is none. */
export function parseRison(text: string): unknown {
  let at = 0
  const fault = (what: string): never => {
    throw new RisonFault(`${what} at ${at}`)
  }

  function quoted(): string {
    let value = ''
    for (at++; ; at++) {
      const sign = text[at]
      if (sign === undefined) return fault('a quote is not closed')
      if (sign === "'") {
        at++
        return value
      }
      if (sign !== '!') value += sign
      else {
        const next = text[++at]
        if (next !== '!' && next !== "'") return fault('expected !! or an escaped quote')
        value += next
      }
    }
  }

  function word(): string {
    const start = at
    while (at < text.length && !ending.test(text[at] as string)) at++
    if (at === start) fault('expected a value')
    return text.slice(start, at)
  }

  function list(depth: number): unknown[] {
    const items: unknown[] = []
    at++
    if (text[at] === ')') {
      at++
      return items
    }
    for (;;) {
      items.push(value(depth))
      const sign = text[at++]
      if (sign === ')') return items
      if (sign !== ',') fault('expected , or )')
    }
  }

  function object(depth: number): Record<string, unknown> {
    const members = Object.create(null) as Record<string, unknown>
    at++
    if (text[at] === ')') {
      at++
      return members
    }
    for (;;) {
      const key = text[at] === "'" ? quoted() : word()
      if (text[at++] !== ':') fault('expected :')
      members[key] = value(depth)
      const sign = text[at++]
      if (sign === ')') return members
      if (sign !== ',') fault('expected , or )')
    }
  }

  function value(depth: number): unknown {
    if (depth > deepest) fault(`nested deeper than ${deepest}`)
    const sign = text[at]
    if (sign === '(') return object(depth + 1)
    if (sign === "'") return quoted()
    if (sign !== '!') {
      const bare = word()
      return number.test(bare) ? Number(bare) : bare
    }
    const next = text[++at]
    if (next === '(') return list(depth + 1)
    at++
    if (next === 't') return true
    if (next === 'f') return false
    if (next === 'n') return null
    return fault('expected !t, !f, !n or !(')
  }

  const read = value(0)
  if (at < text.length) fault('expected the end')
  return read
}
