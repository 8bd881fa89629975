/**
 * Grafana's variables inside queries: section 5.3 of the reference. No grammar knows `$x`, so that each is replaced by a word of the class that its place needs, as
 * long as itself wherever that can be; the masked text is parsed, and what is found out is applied to the text as it was.
 *
 * Variables inside strings stay: a string may hold anything.
 */

export type QueryLanguage = 'promql' | 'logql' | 'traceql'

/** What a variable stands for, by its place. `matchers`: all of a matcher or several; `expression`: a whole operand; `string`: a value whose quotes it brings. */
export type HoleKind = 'duration' | 'identifier' | 'number' | 'string' | 'matchers' | 'function' | 'expression'

/** A variable outside strings. Offsets are UTF-16 units. */
export interface Hole {
  /** In the masked text. */
  readonly start: number
  readonly end: number
  /** In the text as it was. */
  readonly from: number
  readonly to: number
  readonly name: string
  readonly kind: HoleKind
}

export interface Masked {
  readonly text: string
  readonly source: string
  /** In their order. */
  readonly holes: readonly Hole[]
  /** The place in the source of one in the masked text; inside a hole: its end. */
  original(offset: number): number
}

/** A variable as it stands in a text. */
export interface VariableUse {
  readonly start: number
  readonly end: number
  readonly name: string
}

/** Names are no longer than this; formats neither. */
const longestName = 256
const forms = /\$(\w{1,256})|\$\{(\w{1,256})(?:\.[^:}]{1,256})?(?::[^}]{1,256})?\}|\[\[(\w{1,256})(?:\.[\w.]{1,256})?(?::\w{1,256})?\]\]/y

/** The longest known name that a word begins with; names that begin with `__` are Grafana's own. */
function knownIn(word: string, known: ReadonlySet<string> | undefined): string | undefined {
  if (word.startsWith('__')) return word
  if (known === undefined) return /^[A-Za-z_]/.test(word) ? word : undefined
  for (let length = Math.min(word.length, longestName); length > 0; length--) {
    const name = word.slice(0, length)
    if (known.has(name)) return name
  }
  return undefined
}

/** The variable that begins at a place. @param any true: names that are not known count, too, as outside of strings, where `$` means nothing else */
function variableAt(text: string, at: number, known: ReadonlySet<string> | undefined, any: boolean): VariableUse | undefined {
  forms.lastIndex = at
  const found = forms.exec(text)
  if (found === null) return undefined
  const word = found[1] ?? found[2] ?? found[3] ?? ''
  const name = knownIn(word, known) ?? (any ? word : undefined)
  if (name === undefined || (found[1] === undefined && name !== word))
    return any ? { start: at, end: forms.lastIndex, name: word } : undefined
  return { start: at, end: found[1] === undefined ? forms.lastIndex : at + 1 + name.length, name }
}

/** Variables in a text that is no query: a matcher's value, a legend, a URL. @param known names; undefined: any word counts */
export function variablesIn(text: string, known?: ReadonlySet<string>): VariableUse[] {
  const uses: VariableUse[] = []
  for (let at = 0; at < text.length; at++) {
    const sign = text[at]
    if (sign !== '$' && sign !== '[') continue
    const use = variableAt(text, at, known, false)
    if (use === undefined) continue
    uses.push(use)
    at = use.end - 1
  }
  return uses
}

const isWord = (sign: string | undefined): boolean => sign !== undefined && /[A-Za-z0-9_:]/.test(sign)
const isSpace = (sign: string | undefined): boolean => sign === ' ' || sign === '\n' || sign === '\t' || sign === '\r'

/** Words before a parenthesis that holds names of labels. */
const groupings: ReadonlySet<string> = new Set(['by', 'without', 'on', 'ignoring', 'group_left', 'group_right'])

/** Functions whose first argument is a number. */
const numberFirst: ReadonlySet<string> = new Set([
  ...['topk', 'bottomk', 'quantile', 'limitk', 'limit_ratio', 'approx_topk', 'vector', 'histogram_quantile', 'histogram_fraction'],
  ...['quantile_over_time', 'rate_limit'],
])

/** Functions whose second argument is an expression; of others it is a number. */
const expressionSecond: ReadonlySet<string> = new Set([
  'topk',
  'bottomk',
  'quantile',
  'limitk',
  'limit_ratio',
  'histogram_quantile',
  'quantile_over_time',
])

/** What a query is inside of at a place. */
interface Open {
  readonly sign: string
  /** Word before it. */
  readonly word: string
  arguments: number
}

/** A place, seen from its left and right. */
interface Place {
  readonly text: string
  readonly start: number
  readonly end: number
  /** Last sign that is no space; empty: none. */
  readonly before: string
  /** Last word, where nothing but space stands between. */
  readonly word: string
  readonly open: Open | undefined
  readonly language: QueryLanguage
  /** The sign right before is a digit, or a variable that stands for digits. */
  readonly afterDigit: boolean
}

/** The next sign that is no space. Spaces are few, as in any query; of many it does not look beyond. */
function nextSign(text: string, from: number): string {
  let at = from
  while (at < from + 1000 && isSpace(text[at])) at++
  return text[at] ?? ''
}

const isOperator = (sign: string): boolean => sign !== '' && '=<>!+-*/%^~&'.includes(sign)

function kindOf({ text, start, end, before, word, open, language, afterDigit }: Place): HoleKind {
  const previous = text[start - 1]
  const next = text[end]
  const ahead = nextSign(text, end)
  const isAttached = isWord(previous) || isWord(next) || next === '$' || (language === 'traceql' && previous === '.')
  if (open?.sign === '[' || word === 'offset' || (before === '-' && word === 'offset -')) return 'duration'
  if (before === '@') return 'number'
  if (open?.sign === '{') {
    if (before === '{' || before === ',' || (language === 'traceql' && (before === '&' || before === '|' || before === '('))) {
      return isAttached || ahead === '=' || ahead === '!' || ahead === '>' || ahead === '<' ? 'identifier' : 'matchers'
    }
    if (isAttached && !afterDigit && !isOperator(before)) return 'identifier'
    return language === 'traceql' ? 'number' : 'string'
  }
  if (open?.sign === '(' && groupings.has(open.word)) return 'identifier'
  if (language === 'logql') {
    if (word === 'unwrap' || word === 'json' || word === 'logfmt') return 'identifier'
    if (before === '|') return 'identifier'
    if (/(?:\|[=~>]|![=~>])\s{0,100}$/.test(text.slice(Math.max(0, start - 104), start))) return 'string'
  }
  if (isAttached && !afterDigit && (isWord(previous) || next === ':' || next === '_' || next === '$')) return 'identifier'
  if (ahead === '{' || (ahead === '[' && !isOperator(before))) return 'identifier'
  if (ahead === '(' || /^\s{0,100}(?:by|without)\s{0,100}\(/.test(text.slice(end, end + 210))) return 'function'
  if (isOperator(before)) return 'number'
  if (
    /^__(?:interval|range|rate_interval|from|to)/.test(
      text
        .slice(start)
        .replace(/^\$\{?/, '')
        .slice(0, 20),
    )
  )
    return 'number'
  if (open?.sign === '(' && before === '(' && numberFirst.has(open.word)) return 'number'
  if (open?.sign === '(' && before === ',') return open.arguments === 1 && expressionSecond.has(open.word) ? 'expression' : 'number'
  return isAttached ? 'identifier' : 'expression'
}

function maskOf(kind: HoleKind, place: Place): string {
  const { text, end, afterDigit, language } = place
  const length = end - place.start
  const goesOn = isWord(text[end]) || text[end] === '$'
  switch (kind) {
    case 'duration':
      if (goesOn) return '1'.repeat(length)
      return (afterDigit ? 'm' : '1m').padEnd(length)
    case 'number':
      return '1'.repeat(length)
    case 'string':
      return `"${'_'.repeat(Math.max(0, length - 2))}"`
    case 'matchers':
      return language === 'traceql' ? 'true'.padEnd(length) : `"${'_'.repeat(Math.max(0, length - 2))}"`
    case 'function':
      return 'sum'.padEnd(length)
    default:
      return language === 'traceql' && place.open?.sign === '(' && text[place.start - 1] !== '.'
        ? `.${'_'.repeat(length - 1)}`
        : '_'.repeat(length)
  }
}

/** End of a string that begins at a place; of one without end that of the text. */
function endOfString(text: string, start: number): number {
  const quote = text[start]
  for (let at = start + 1; at < text.length; at++) {
    if (text[at] === '\\' && quote !== '`') at++
    else if (text[at] === quote) return at + 1
  }
  return text.length
}

const endOfLine = (text: string, from: number): number => {
  const at = text.indexOf('\n', from)
  return at < 0 ? text.length : at
}

/** Masks the variables of a query. Linear. @param known names of the dashboard's variables; undefined: unknown, and every word behind `$` is one */
export function maskQuery(source: string, known?: ReadonlySet<string>, language: QueryLanguage = 'promql'): Masked {
  const holes: Hole[] = []
  const pieces: string[] = []
  const stack: Open[] = []
  let copied = 0
  let length = 0
  let before = ''
  let word = ''
  let afterDigit = false
  const comment = language === 'traceql' ? '//' : '#'
  const quotes = language === 'promql' ? '"\'`' : '"`'
  for (let at = 0; at < source.length; ) {
    const sign = source[at] ?? ''
    if (quotes.includes(sign)) {
      at = endOfString(source, at)
      ;[before, word, afterDigit] = ['"', '', false]
      continue
    }
    if (source.startsWith(comment, at)) {
      at = endOfLine(source, at)
      continue
    }
    const use = sign === '$' || (sign === '[' && source[at + 1] === '[') ? variableAt(source, at, known, true) : undefined
    if (use !== undefined) {
      const place: Place = { text: source, start: at, end: use.end, before, word, open: stack.at(-1), language, afterDigit }
      const kind = kindOf(place)
      const mask = maskOf(kind, place)
      pieces.push(source.slice(copied, at), mask)
      const start = length + (at - copied)
      length = start + mask.length
      holes.push({ start, end: length, from: at, to: use.end, name: use.name, kind })
      copied = at = use.end
      afterDigit = (kind === 'duration' && mask.startsWith('1') && !mask.includes('m')) || kind === 'number'
      before = '$'
      word = ''
      continue
    }
    if (isSpace(sign)) {
      at++
      afterDigit = false
      continue
    }
    if (isWord(sign)) {
      const start = at
      while (isWord(source[at])) at++
      word = source.slice(start, at)
      before = 'a'
      afterDigit = /^[0-9][0-9a-z]*$/.test(word)
      continue
    }
    if (sign === '(' || sign === '{' || sign === '[') stack.push({ sign, word: word === '' ? '' : word, arguments: 0 })
    else if (sign === ')' || sign === '}' || sign === ']') stack.pop()
    else if (sign === ',') {
      const open = stack.at(-1)
      if (open !== undefined) open.arguments++
    }
    word = sign === '-' && word === 'offset' ? 'offset -' : ''
    before = sign
    afterDigit = false
    at++
  }
  pieces.push(source.slice(copied))
  return { text: pieces.join(''), source, holes, original: (offset) => originalOf(holes, offset) }
}

function originalOf(holes: readonly Hole[], offset: number): number {
  // The last hole that begins at or before it.
  let low = 0
  let high = holes.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((holes[middle]?.start ?? 0) <= offset) low = middle + 1
    else high = middle
  }
  const hole = holes[low - 1]
  if (hole === undefined) return offset
  if (offset >= hole.end) return hole.to + (offset - hole.end)
  // Masks are filled up with blanks: what ends inside ends with the variable.
  return offset === hole.start ? hole.from : hole.to
}
