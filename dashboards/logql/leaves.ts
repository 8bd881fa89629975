/** Conditions on one field → LogQL: section 7.3 of the reference, row by row. */

import { matches } from '../../src/translate/patterns.ts'
import type { Code } from '../codes.ts'
import type { Bound, Leaf, Test, WildcardPiece } from '../filters/model.ts'
import type { Literal } from '../filters/normalize.ts'
import { isAddress } from '../filters/values.ts'
import { type Note, type Status, worse } from '../model.ts'
import type { FieldPlace } from '../naming/fields.ts'
import { combine, type Expression, type LabelTest } from './expressions.ts'
import type { LogContext } from './query.ts'
import { luceneRegexToRe2 } from './regex.ts'
import { escapeRegex, hasVariable, numberOf, partsOf, plainOf, regexOf } from './text.ts'
import { anyWord, phraseOf, textValue, wordsOf } from './words.ts'

/** What became of a condition. */
export interface LeafResult {
  /** `always` for what was left out: `manual` says so, or that it is asked elsewhere (time). */
  readonly expression: Expression
  readonly status: Status
  readonly notes: readonly Note[]
  /** It is a range of time that is left to the panel: allowed only where everything has to hold. */
  readonly isTime: boolean
}

const note = (code: Code, text: string, suggestion?: string): Note => ({ code, text, suggestion })
const always: Expression = { kind: 'always' }

const result = (expression: Expression, status: Status = 'exact', notes: readonly Note[] = []): LeafResult => ({
  expression,
  status,
  notes,
  isTime: false,
})
const unsupported = (code: Code, text: string): LeafResult => result(always, 'unsupported', [note(code, text)])
const manual = (code: Code, text: string, suggestion?: string): LeafResult => result(always, 'manual', [note(code, text, suggestion)])

const ofElasticsearch: ReadonlySet<string> = new Set([
  '_id',
  '_type',
  '_source',
  '_doc_count',
  '_ignored',
  '_routing',
  '_field_names',
  '_tier',
  '_size',
])

/** Longest list of values that is written out. */
const mostValues = 1000

/**
 * Translates a condition.
 * @param index pattern of the indices that are asked, for the kind of a field and for patterns of names
 */
export function leafOf(literal: Literal, context: LogContext, index: string | undefined): LeafResult {
  const { leaf, negated, loosened } = literal
  const found = translate(leaf, negated, context, index)
  if (!loosened || found.status === 'unsupported') return found
  return {
    ...found,
    status: worse(found.status, 'approximate'),
    notes: [...found.notes, note('OBD-L-006', `"${leaf.text}" is one of several conditions on an object of a list.`)],
  }
}

function translate(leaf: Leaf, negated: boolean, context: LogContext, index: string | undefined): LeafResult {
  const { field, test, text } = leaf
  if (test.op === 'unsupported') return unsupported('OBD-L-009', `"${text}" asks for ${test.what}.`)
  if (field === undefined) return anyField(leaf, negated, context)
  if (leaf.isPattern) return fieldPattern(leaf, negated, context, index)
  if (field === '_index') return indexLeaf(leaf, negated, context)
  if (ofElasticsearch.has(field)) return manual('OBD-L-008', `"${text}" is left out: ${field} exists only in Elasticsearch.`)
  const place = context.fields.field(field, index)
  if (place.where === 'gone') return manual('OBD-L-014', `"${text}" is left out: ${place.why ?? `${field} is nowhere`}.`)
  if (place.where === 'time') return timeLeaf(leaf, negated)
  const isText = leaf.isWhole !== true && context.fields.isText(field, index)
  const found = place.where === 'line' ? lineLeaf(leaf, negated, context, isText) : labelLeaf(leaf, negated, place, context, isText)
  const notes: Note[] = [...found.notes]
  let { status } = found
  if (!place.certain) {
    status = worse(status, 'approximate')
    notes.push(note('OBD-L-015', `${field} is asked as ${place.name}: ${place.why ?? 'it depends on the document'}.`))
  }
  return { ...found, status, notes }
}

/** `*`-like names: all fields of the data view that fit. */
function fieldPattern(leaf: Leaf, negated: boolean, context: LogContext, index: string | undefined): LeafResult {
  const field = leaf.field ?? ''
  const known = index === undefined ? undefined : context.fields.fieldsOf(index)
  const fitting = (known ?? []).filter((name) => matches(field, name))
  if (fitting.length === 0 || fitting.length > 50) {
    return manual('OBD-L-007', `"${leaf.text}" is left out: which fields fit ${field} is not known.`)
  }
  const all = fitting.map((name) => translate({ ...leaf, field: name, isPattern: false }, negated, context, index))
  return {
    expression: combine(
      negated ? 'and' : 'or',
      all.map((one) => one.expression),
    ),
    status: all.reduce<Status>((status, one) => worse(status, one.status), 'exact'),
    notes: all.flatMap((one) => one.notes),
    isTime: false,
  }
}

function indexLeaf({ test, text }: Leaf, negated: boolean, { fields }: LogContext): LeafResult {
  const names =
    test.op === 'term'
      ? test.values
      : test.op === 'match' || test.op === 'phrase'
        ? [test.words]
        : test.op === 'wildcard'
          ? [wildcardText(test.pieces)]
          : test.op === 'prefix'
            ? [`${test.text}*`]
            : []
  const selector = names.length === 0 || negated ? undefined : fields.selectorOf(names.join(','))
  if (selector !== undefined) return result({ kind: 'stream', matchers: selector.trim().replace(/^\{/, '').replace(/\}$/, '').trim() })
  return manual(
    'OBD-L-008',
    `"${text}" is left out: the mapping has no selector for it.`,
    'Give the index a selector in `indices:` of the mapping file.',
  )
}

function timeLeaf({ test, text }: Leaf, negated: boolean): LeafResult {
  if (test.op === 'exists') return result(negated ? { kind: 'never' } : always)
  if (negated || test.op !== 'range') return unsupported('OBD-L-004', `"${text}" asks for a time, which no LogQL query can.`)
  return { expression: always, status: 'approximate', notes: [note('OBD-L-004', `"${text}" is left to the time range.`)], isTime: true }
}

const wildcardText = (pieces: readonly WildcardPiece[]): string =>
  pieces.map((one) => (typeof one === 'string' ? one : one.sign === 'any' ? '*' : '?')).join('')

// ---- the line ----

const line = (negated: boolean, regex: string, ignoreCase: boolean): Expression => ({ kind: 'line', negated, regex, ignoreCase })
const holds = (negated: boolean, literal: string): Expression => ({
  kind: 'line',
  negated,
  literal,
  regex: escapeRegex(literal),
  ignoreCase: false,
})
const approximateText = (text: string): Note => note('OBD-L-001', `"${text}" is asked of the line, word by word.`)

/** Words without a field: looked for in the line. */
function anyField(leaf: Leaf, negated: boolean, context: LogContext): LeafResult {
  const words = leaf.test.op === 'match' || leaf.test.op === 'phrase' ? leaf.test.words : ''
  const parts = partsOf(words.trim(), context.variables)
  if (parts.length === 1 && hasVariable(parts)) {
    const found = line(negated, regexOf(parts), true)
    return {
      ...result(found, 'manual'),
      notes: [note('OBD-L-032', `${leaf.text} may hold a query of the old language; its text is looked for in the line.`)],
    }
  }
  const found = lineLeaf(leaf, negated, context, true)
  if (found.status === 'unsupported') return found
  return {
    ...found,
    status: worse(found.status, 'approximate'),
    notes: [note('OBD-L-002', `"${leaf.text}" is looked for in the line only.`)],
  }
}

function lineLeaf({ test, text }: Leaf, negated: boolean, context: LogContext, isText: boolean): LeafResult {
  if (test.op === 'exists') return result(line(negated, '(?s).+', false))
  if (test.op === 'range') return unsupported('OBD-L-003', `"${text}" is a range of the message.`)
  if (test.op === 'cidr') {
    return unsupported('OBD-L-009', `"${text}" asks for addresses in the message.`)
  }
  if (test.op === 'regex') return lineRegex(test, text, negated, isText)
  if (!isText) return wholeLine(test, negated, context)
  const found = textLine(test, negated, context)
  return found === undefined
    ? unsupported('OBD-L-009', `"${text}" asks what a line cannot be asked.`)
    : result(found, 'approximate', [
        test.op === 'fuzzy' || isNear(test) ? note('OBD-L-005', `"${text}" is asked as plain words.`) : approximateText(text),
      ])
}

const isNear = (test: Test): boolean => test.op === 'phrase' && test.slop > 0

function lineRegex(test: Extract<Test, { op: 'regex' }>, text: string, negated: boolean, isText: boolean): LeafResult {
  const re2 = luceneRegexToRe2(test.pattern)
  if (!re2.ok) return unsupported('OBD-L-012', `"${text}" cannot be translated: ${re2.why}.`)
  if (!isText) return result(line(negated, `(?s)^(${re2.pattern})$`, test.ignoreCase))
  return result(line(negated, `\\b(${re2.pattern})\\b`, true), 'approximate', [approximateText(text)])
}

/** A message that is a keyword: all of it is compared. */
function wholeLine(test: Test, negated: boolean, context: LogContext): LeafResult {
  const regex = (body: string, ignoreCase = false): LeafResult => result(line(negated, `(?s)^${body}$`, ignoreCase))
  const parts = (text: string): string => regexOf(partsOf(text, context.variables))
  switch (test.op) {
    case 'term':
      return regex(test.values.length === 1 ? parts(test.values[0] ?? '') : `(${test.values.slice(0, mostValues).map(parts).join('|')})`)
    case 'match':
    case 'phrase':
      return test.op === 'phrase' && test.prefix ? regex(`${parts(test.words)}.*`) : regex(parts(test.words))
    case 'prefix':
      return regex(`${parts(test.text)}.*`, test.ignoreCase)
    case 'wildcard': {
      const [first, middle, last] = test.pieces
      const isAny = (one: WildcardPiece | undefined): boolean => typeof one === 'object' && one.sign === 'any'
      if (
        test.pieces.length === 3 &&
        isAny(first) &&
        isAny(last) &&
        typeof middle === 'string' &&
        !test.ignoreCase &&
        !/[$[]/.test(middle)
      ) {
        return result(holds(negated, middle))
      }
      return regex(wildcardRegex(test.pieces, context), test.ignoreCase)
    }
    case 'fuzzy':
      return { ...regex(parts(test.text)), status: 'approximate', notes: [note('OBD-L-005', `"${test.text}" is asked as it is written.`)] }
    default:
      return unsupported('OBD-L-009', 'It asks what a line cannot be asked.')
  }
}

/** Words of analysed text; undefined: it asks something else. */
function textLine(test: Test, negated: boolean, context: LogContext): Expression | undefined {
  switch (test.op) {
    case 'term':
      return wordsLine(test.values, negated, context)
    case 'fuzzy':
      return wordsLine([test.text], negated, context)
    case 'prefix':
      return line(negated, `\\b${escapeRegex(test.text)}`, true)
    case 'match': {
      const parts = partsOf(test.words, context.variables)
      if (hasVariable(parts)) return line(negated, regexOf(parts), true)
      const words = wordsOf(test.words)
      if (words.length === 0) return holds(negated, test.words)
      if (!test.all || words.length === 1) return line(negated, anyWord(words), true)
      return combine(
        negated ? 'or' : 'and',
        words.map((one) => line(negated, anyWord([one]), true)),
      )
    }
    case 'phrase': {
      const parts = partsOf(test.words, context.variables)
      if (hasVariable(parts)) return line(negated, regexOf(parts), true)
      const words = wordsOf(test.words)
      if (words.length === 0) return holds(negated, test.words)
      if (test.slop === 0) return line(negated, phraseOf(words, test.prefix), true)
      return combine(
        negated ? 'or' : 'and',
        words.map((one) => line(negated, anyWord([one]), true)),
      )
    }
    case 'wildcard':
      return line(negated, wildcardWords(test.pieces), true)
    default:
      return undefined
  }
}

const wordsLine = (values: readonly string[], negated: boolean, context: LogContext): Expression => {
  const parts = values.map((one) => partsOf(one, context.variables))
  if (parts.some(hasVariable)) return line(negated, parts.map(regexOf).join('|'), true)
  return line(negated, anyWord(values.slice(0, mostValues)), true)
}

/** A wildcard over one word of a text: `*` at its ends goes without saying. */
function wildcardWords(pieces: readonly WildcardPiece[]): string {
  const sign = (piece: WildcardPiece, at: number): string => {
    if (typeof piece === 'string') return piece.trim().split(/\s+/).map(escapeRegex).join('\\W+')
    if (piece.sign === 'one') return '[\\p{L}\\p{N}_]'
    return at === 0 || at === pieces.length - 1 ? '' : '[\\p{L}\\p{N}_]*'
  }
  const begins = typeof pieces[0] === 'string' && /^\w/.test(pieces[0])
  const last = pieces.at(-1)
  const ends = typeof last === 'string' && /\w$/.test(last)
  return `${begins ? '\\b' : ''}${pieces.map(sign).join('')}${ends ? '\\b' : ''}`
}

// ---- labels ----

interface LabelOf {
  readonly place: FieldPlace
  readonly negated: boolean
  readonly context: LogContext
}

function labelTest({ place }: LabelOf, op: LabelTest['op'], value: string, more: Partial<LabelTest> = {}): LabelTest {
  return {
    kind: 'label',
    label: place.name,
    isIndex: place.where === 'label',
    json: place.where === 'json',
    op,
    value,
    hasVariable: false,
    fitsEmpty: op === '!=' || op === '!~',
    ...more,
  }
}

const empty = (of: LabelOf): LabelTest => labelTest(of, '=', '', { fitsEmpty: true })
const present = (of: LabelOf): LabelTest => labelTest(of, '!=', '', { fitsEmpty: false })

function labelLeaf(leaf: Leaf, negated: boolean, place: FieldPlace, context: LogContext, isText: boolean): LeafResult {
  const of: LabelOf = { place, negated, context }
  const { test, text } = leaf
  switch (test.op) {
    case 'exists':
      return result(negated ? empty(of) : present(of))
    case 'term':
      return isText
        ? textLabel(of, test.values.length === 1 ? wordsOf(test.values[0] ?? '') : test.values, false, text)
        : equal(of, test.values, text)
    case 'match':
      if (!isText) return equal(of, [test.words.trim()], text)
      if (test.all) return everyWord(of, wordsOf(test.words), text)
      return textLabel(of, wordsOf(test.words), false, text)
    case 'phrase':
      if (!isText) return test.prefix ? prefixed(of, test.words, false) : equal(of, [test.words], text)
      if (test.slop > 0) return everyWord(of, wordsOf(test.words), text)
      return textLabel(of, wordsOf(test.words), true, text)
    case 'prefix':
      return prefixed(of, test.text, test.ignoreCase)
    case 'wildcard':
      return wildcard(of, test.pieces, test.ignoreCase || isText, isText, text)
    case 'regex':
      return regex(of, test.pattern, test.ignoreCase, text)
    case 'range':
      return range(of, test.from, test.to, text)
    case 'cidr': {
      const address: Expression = { kind: 'address', label: place.name, json: place.where === 'json', negated, block: test.block }
      return result(negated ? combine('or', [address, empty(of)]) : address)
    }
    case 'fuzzy': {
      const plain = isText ? textLabel(of, wordsOf(test.text), false, text) : equal(of, [test.text], text)
      return { ...plain, status: worse(plain.status, 'approximate'), notes: [note('OBD-L-005', `"${text}" is asked as it is written.`)] }
    }
    case 'unsupported':
      return unsupported('OBD-L-009', `"${text}" asks for ${test.what}.`)
  }
}

function equal(of: LabelOf, values: readonly string[], text: string): LeafResult {
  const { place, negated, context } = of
  if (values.length > mostValues) return unsupported('OBD-L-009', `"${text.slice(0, 100)}…" has more than ${mostValues} values.`)
  const all = values.map((one) => partsOf(one, context.variables))
  const [first = []] = all
  const isPlain =
    all.length === 1 && !place.changesCase && place.isList !== true && !first.some((one) => typeof one === 'object' && one.multi)
  const withVariable = all.some(hasVariable)
  const notes: Note[] = place.changesCase ? [note('OBD-L-013', `${place.name} is compared without regard to letters' case.`)] : []
  if (values.includes('')) {
    notes.push(note('OBD-L-038', `"${text}" asks for an empty value; records without the field fit, too.`))
    return result(labelTest(of, negated ? '!=' : '=', '', { fitsEmpty: !negated }), 'approximate', notes)
  }
  if (isPlain) return result(labelTest(of, negated ? '!=' : '=', plainOf(first), { hasVariable: withVariable }), 'exact', notes)
  const alternatives = all.map(regexOf).join('|')
  const grouped = all.length > 1 || withVariable ? `(${alternatives})` : alternatives
  const bare = place.isList === true ? `${alternatives}|\\[.*"${grouped}".*\\]` : alternatives
  const pattern = !place.changesCase ? bare : bare === alternatives ? `(?i)${grouped}` : `(?i)(${bare})`
  return result(labelTest(of, negated ? '!~' : '=~', pattern, { hasVariable: withVariable }), 'exact', notes)
}

function textLabel(of: LabelOf, words: readonly string[], phrase: boolean, text: string): LeafResult {
  if (words.length === 0) return unsupported('OBD-L-009', `"${text}" has no words.`)
  return result(labelTest(of, of.negated ? '!~' : '=~', textValue(words, phrase)), 'approximate', [
    note('OBD-L-001', `"${text}" is asked of analysed text.`),
  ])
}

function everyWord(of: LabelOf, words: readonly string[], text: string): LeafResult {
  const each = words.map((one) => textLabel(of, [one], false, text))
  const expression = combine(
    of.negated ? 'or' : 'and',
    each.map((one) => one.expression),
  )
  return result(expression, 'approximate', each[0]?.notes ?? [])
}

function prefixed(of: LabelOf, text: string, ignoreCase: boolean): LeafResult {
  const parts = partsOf(text, of.context.variables)
  const insensitive = ignoreCase || of.place.changesCase
  return pattern(of, `${insensitive ? '(?i)' : ''}${regexOf(parts)}.*`, hasVariable(parts), text === '')
}

/** A regular expression that may fit nothing at all: the field has to be there then. */
function pattern(of: LabelOf, value: string, withVariable: boolean, mayBeEmpty: boolean): LeafResult {
  const test = labelTest(of, of.negated ? '!~' : '=~', value, { hasVariable: withVariable, fitsEmpty: of.negated || mayBeEmpty })
  if (!mayBeEmpty) return result(test)
  return result(of.negated ? combine('or', [test, empty(of)]) : combine('and', [test, present(of)]))
}

function wildcardRegex(pieces: readonly WildcardPiece[], context: LogContext): string {
  return pieces
    .map((one) => (typeof one === 'string' ? regexOf(partsOf(one, context.variables)) : one.sign === 'any' ? '.*' : '.'))
    .join('')
}

function wildcard(of: LabelOf, pieces: readonly WildcardPiece[], ignoreCase: boolean, isText: boolean, text: string): LeafResult {
  const insensitive = ignoreCase || of.place.changesCase
  const body = wildcardRegex(pieces, of.context)
  const withVariable = pieces.some((one) => typeof one === 'string' && hasVariable(partsOf(one, of.context.variables)))
  const inner = isText ? `(^|.*\\W)${body}(\\W.*|$)` : body
  const plain = of.place.isList === true && !isText ? `(${inner}|\\[.*"${inner.replaceAll('.*', '[^"]*')}".*\\])` : inner
  const found = pattern(of, `${insensitive ? '(?i)' : ''}${plain}`, withVariable, false)
  return isText ? { ...found, status: 'approximate', notes: [note('OBD-L-001', `"${text}" is asked of analysed text.`)] } : found
}

function regex(of: LabelOf, source: string, ignoreCase: boolean, text: string): LeafResult {
  const parts = partsOf(source, of.context.variables)
  if (hasVariable(parts)) {
    const value = parts.map((one) => (typeof one === 'string' ? one : `\${${one.name}:regex}`)).join('')
    return {
      ...pattern(of, value, true, false),
      status: 'approximate',
      notes: [note('OBD-L-012', `"${text}" is a pattern with a variable in it.`)],
    }
  }
  const re2 = luceneRegexToRe2(source)
  if (!re2.ok) return unsupported('OBD-L-012', `"${text}" cannot be translated: ${re2.why}.`)
  const found = pattern(of, `${ignoreCase || of.place.changesCase ? '(?i)' : ''}${re2.pattern}`, false, true)
  return re2.pattern === '' ? unsupported('OBD-L-012', `"${text}" is an empty pattern.`) : found
}

function range(of: LabelOf, from: Bound | undefined, to: Bound | undefined, text: string): LeafResult {
  const { place, negated, context } = of
  if (from !== undefined && to !== undefined && isAddress(from.value) && isAddress(to.value) && from.inclusive && to.inclusive) {
    const block = `${from.value}-${to.value}`
    const address: Expression = { kind: 'address', label: place.name, json: place.where === 'json', negated, block }
    return result(negated ? combine('or', [address, empty(of)]) : address)
  }
  const tests: Expression[] = []
  for (const [bound, isLow] of [
    [from, true],
    [to, false],
  ] as const) {
    if (bound === undefined) continue
    const value = numberOf(bound.value, context.variables)
    if (value === undefined) return unsupported('OBD-L-003', `"${text}" is a range, and ${bound.value} is no number.`)
    const op = isLow !== negated ? (bound.inclusive !== negated ? '>=' : '>') : bound.inclusive !== negated ? '<=' : '<'
    tests.push({ kind: 'number', label: place.name, json: place.where === 'json', op, value })
  }
  return result(negated ? combine('or', [...tests, empty(of)]) : combine('and', tests))
}
