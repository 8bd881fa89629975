/**
 * What selector and stages of LogQL mean to Loki 3.7: line filters, label filters with `and`, `or` and brackets, `label_format` of the line, `drop`. As
 * measured there: an absent label is an empty text, and comparisons of numbers and addresses are false of it.
 */

export interface Line {
  readonly line: string
  readonly labels: Readonly<Record<string, string>>
}

/** Whether a line passes. Throws for what it does not know. */
export function passes(query: string, { line, labels }: Line): boolean {
  let at = 0
  const own: Record<string, string> = { ...labels }

  const skip = (): void => {
    while (query[at] === ' ') at++
  }
  const take = (text: string): boolean => {
    skip()
    if (!query.startsWith(text, at)) return false
    at += text.length
    return true
  }
  const fail = (): never => {
    throw new Error(`cannot evaluate ${query}: something else stands at ${at}`)
  }
  const expect = (text: string): void => {
    if (!take(text)) fail()
  }
  function name(): string {
    skip()
    const found = /^[A-Za-z_][A-Za-z0-9_]*/.exec(query.slice(at))
    if (found === null) return fail()
    at += found[0].length
    return found[0]
  }
  function text(): string {
    skip()
    if (query[at] === '`') {
      const end = query.indexOf('`', at + 1)
      const raw = query.slice(at + 1, end)
      at = end + 1
      return raw
    }
    let end = at + 1
    while (query[end] !== '"') end += query[end] === '\\' ? 2 : 1
    const value = JSON.parse(query.slice(at, end + 1)) as string
    at = end + 1
    return value
  }

  let isSelector = true
  const regex = (pattern: string, isWhole: boolean): RegExp => {
    let flags = 'u'
    let body = pattern
    for (let found = /^\(\?([is])\)/.exec(body); found !== null; found = /^\(\?([is])\)/.exec(body)) {
      flags += flags.includes(found[1] ?? '') ? '' : found[1]
      body = body.slice(found[0].length)
    }
    // Behind a pipe Loki takes these for texts that hold the rest anywhere.
    if (isWhole && !isSelector && !/[\^$]/.test(body.replaceAll(/\\./gu, '')) && (body.startsWith('.*') || body.endsWith('.*')))
      return new RegExp(body, flags)
    return new RegExp(isWhole ? `^(?:${body})$` : body, flags)
  }

  /** `a="x"`, `a >= 1`, `a=ip("…")` */
  function test(): boolean {
    if (take('(')) {
      const inner = either()
      expect(')')
      return inner
    }
    const label = name()
    const value = own[label] ?? ''
    for (const op of ['=~', '!~', '!=', '>=', '<=', '=', '>', '<']) {
      if (!take(op)) continue
      skip()
      if (query.startsWith('ip(', at)) return fail()
      if (op === '>' || op === '>=' || op === '<' || op === '<=') {
        const found = /^-?\d+(\.\d+)?/.exec(query.slice(at))
        if (found === null) return fail()
        at += found[0].length
        const number = Number(found[0])
        const own = Number(value)
        // What is no number passes there, with an error.
        if (value === '') return false
        if (Number.isNaN(own)) return true
        return op === '>' ? own > number : op === '>=' ? own >= number : op === '<' ? own < number : own <= number
      }
      const wanted = text()
      if (op === '=') return value === wanted
      if (op === '!=') return value !== wanted
      return regex(wanted, true).test(value) === (op === '=~')
    }
    return fail()
  }

  function both(): boolean {
    let all = test()
    while (take('and ')) all = test() && all
    return all
  }

  function either(): boolean {
    let any = both()
    while (take('or ')) any = both() || any
    return any
  }

  let isFine = true
  expect('{')
  while (!take('}')) {
    isFine = test() && isFine
    take(',')
  }
  isSelector = false
  for (skip(); at < query.length; skip()) {
    if (take('|=')) isFine = line.includes(text()) && isFine
    else if (take('!=')) isFine = !line.includes(text()) && isFine
    else if (take('|~')) isFine = regex(text(), false).test(line) && isFine
    else if (take('!~')) isFine = !regex(text(), false).test(line) && isFine
    else if (take('| label_format')) {
      const label = name()
      expect('=')
      if (text() !== '{{__line__}}') fail()
      own[label] = line
    } else if (take('| drop')) delete own[name()]
    else if (take('|')) isFine = either() && isFine
    else fail()
  }
  return isFine
}
