/** From pairs of spans to what is said of each service: counts, lost minutes, sampled differences. */

import type { StoredSpan } from './backend.ts'
import { type CanonicalSpan, identityOf } from './canonical.ts'
import { census } from './census.ts'
import { createDifferences, type Differences } from './differences.ts'
import type { DifferenceClass, ExpectedMinute, Finding, KeyResult, ParityFormat, Window } from './model.ts'
import { wholeItem } from './model.ts'
import { compareSpans, type FieldDifference, type Readers } from './traces-compare.ts'
import type { LegacySpan, LegacyTranslation } from './traces-legacy.ts'
import { lostMinutes, type Missing } from './traces-minutes.ts'
import { type Pair, type Pairs, type Stack, sampleByKey } from './traces-pairs.ts'

/** Both sides of a window. */
export interface Read {
  readonly pairs: Pairs
  readonly inWindow: (one: StoredSpan) => boolean
  /** Trace ids of `--ids`. */
  readonly asked: ReadonlySet<string>
}

export interface JudgeInput {
  readonly format: ParityFormat
  readonly window: Window
  readonly read: Read
  readonly readers: Readers
  readonly translation: LegacyTranslation | undefined
  readonly keyOf: (service: string) => string
  readonly wanted: (service: string) => boolean
  readonly samples: number
  readonly expected: readonly ExpectedMinute[] | undefined
  readonly sent: ReadonlyMap<string, CanonicalSpan>
}

/** What a service has in the window, while it is counted. */
interface KeyCount {
  old: number
  new: number
  distinctOld: number
  distinctNew: number
  paired: number
  sampled: number
  /** Of those beside the sample, how many are not the same. */
  outside: number
  foundOld: number
  foundNew: number
  equal: number
  explained: number
  unexplained: number
  readonly differences: Differences
}

const msOf = (span: CanonicalSpan): number => Number(span.startNs / 1_000_000n)
const idOf = ({ traceId, spanId }: CanonicalSpan): string => `${traceId}/${spanId}`

export function judgeKeys(input: JudgeInput): readonly KeyResult[] {
  const { read, keyOf, wanted } = input
  const keys = new Map<string, KeyCount>()
  const countOf = (key: string): KeyCount => {
    const found = keys.get(key)
    if (found !== undefined) return found
    const zero = {
      old: 0,
      new: 0,
      distinctOld: 0,
      distinctNew: 0,
      paired: 0,
      sampled: 0,
      outside: 0,
      foundOld: 0,
      foundNew: 0,
      equal: 0,
      explained: 0,
      unexplained: 0,
    }
    const fresh = { ...zero, differences: createDifferences(`sampled spans of service ${key}`) }
    keys.set(key, fresh)
    return fresh
  }
  const keyOfStack = (stack: Stack): string => keyOf(stack.span.service)
  const isIn = (stack: Stack): boolean => stack.all.some(read.inWindow) || read.asked.has(stack.span.traceId)

  const inScope: Pair[] = []
  for (const pair of read.pairs.pairs) {
    // A span that the old side has no time for lies where the new side has it.
    if (!isIn(pair.old) && !(pair.old.span.startNs === 0n && isIn(pair.new))) continue
    if (!wanted(pair.old.span.service)) continue
    inScope.push(pair)
    const count = countOf(keyOfStack(pair.old))
    count.old += pair.old.all.length
    count.new += pair.new.all.length
    count.distinctOld++
    count.distinctNew++
    count.paired++
    addPair(pair, count)
  }
  const missing: Missing[] = []
  const alone = (stack: Stack, side: 'old' | 'new'): void => {
    if (!isIn(stack)) return
    const count = countOf(keyOfStack(stack))
    count[side === 'old' ? 'old' : 'new'] += stack.all.length
    count[side === 'old' ? 'distinctOld' : 'distinctNew']++
    missing.push({ key: keyOfStack(stack), on: side === 'old' ? 'new' : 'old', atMs: msOf(stack.span), id: idOf(stack.span) })
  }
  for (const stack of read.pairs.onlyOld) alone(stack, 'old')
  for (const stack of read.pairs.onlyNew) alone(stack, 'new')
  for (const stack of read.pairs.pieces) {
    if (isIn(stack)) countOf(keyOfStack(stack)).new += stack.all.length
  }

  const present = inScope.map(({ old, new: young }) => ({
    key: keyOfStack(old),
    atMs: msOf(old.span.startNs === 0n ? young.span : old.span),
  }))
  const lost = lostMinutes(missing, present, input.expected)
  for (const { key, finding } of lost) countOf(key).differences.add(finding)
  // What books expect of a service that neither side shows.
  for (const { key } of input.expected ?? []) if (wanted(key)) countOf(keyOf(key))

  compareSampled(inScope, input, keyOfStack, countOf)

  const missingOf = (key: string, on: 'old' | 'new'): number => missing.filter((one) => one.key === key && one.on === on).length
  return [...keys]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, count]): KeyResult => {
      const booked = input.expected?.filter((one) => keyOf(one.key) === key).reduce((sum, one) => sum + Math.max(one.old, one.new), 0)
      const total = count.paired + missingOf(key, 'old') + missingOf(key, 'new')
      return {
        format: input.format,
        key,
        window: input.window,
        counts: {
          expected: booked ?? count.distinctOld,
          old: count.old,
          new: count.new,
          distinctOld: count.distinctOld,
          distinctNew: count.distinctNew,
        },
        samples: {
          asked: count.sampled,
          foundOld: count.foundOld,
          foundNew: count.foundNew,
          equal: count.equal,
          explained: count.explained,
          unexplained: count.unexplained,
        },
        differences: count.differences.rows(({ path }) =>
          path.startsWith('(') || path === 'traceId' ? total : count.outside > 0 ? count.paired : count.sampled,
        ),
        unjudged: '',
      }
    })
}

/** What is to be said of a pair as a whole, sampled or not. */
function addPair({ old, new: young, by }: Pair, { differences }: KeyCount): void {
  const at = { id: idOf(young.span), atMs: msOf(young.span) }
  const whole = (more: Pick<Finding, 'class' | 'kind' | 'rule' | 'text'> & Partial<Finding>): void =>
    differences.add({ path: wholeItem, ...at, ...more })
  const repeats = (side: 'old' | 'new', stack: Stack): void => {
    if (stack.repeats === 0) return
    const text = `spans that ${side} holds more than once, alike in all`
    whole({ class: 'duplicate', kind: 'extra_new', rule: 'repeat', path: `(${side} copies)`, [side]: `${stack.all.length} copies`, text })
  }
  repeats('old', old)
  repeats('new', young)
  if (young.pieces > 1 || old.pieces > 1) {
    const text = 'spans that were reported in pieces; they are compared put together'
    whole({
      class: 'reader',
      kind: 'changed',
      rule: 'pieces',
      path: '(pieces)',
      old: `${old.pieces} pieces`,
      new: `${young.pieces} pieces`,
      text,
    })
  }
  const ids = { old: old.span.traceId, new: young.span.traceId, expected: old.span.traceId }
  if (by === 'cut_new')
    whole({ class: 'unexplained', kind: 'changed', rule: '', path: 'traceId', ...ids, text: 'trace id cut to its low 64 bits on new' })
  if (by === 'cut_old')
    whole({
      class: 'reader',
      kind: 'changed',
      rule: 'zipkin-64-bit',
      path: 'traceId',
      ...ids,
      text: 'the old side keeps the low 64 bits of trace ids alone',
    })
}

/** An older Jaeger moves spans of hosts whose clocks differ, whatever is asked for, and warns of it in the span. */
const isAdjusted = (legacy: LegacySpan | undefined): boolean => /clock skew/i.test(JSON.stringify(legacy?.span['warnings'] ?? ''))

/** Faulty pairs outside the sample that are told of; more of them say nothing new. */
const mostOutside = 1000

/** Field by field, with what is known of how both sides were read. */
function differencesOf({ old, new: young }: Pair, readers: Readers): readonly FieldDifference[] {
  const { legacy } = old.first
  const found = compareSpans(old.span, young.span, readers)
  if (found.length === 0) return found
  const isTimeless = legacy?.format === 'zipkin' && legacy.span['timestamp'] === undefined
  const keepsDuration = old.span.endNs - old.span.startNs === young.span.endNs - young.span.startNs
  const isMoved = keepsDuration && (isAdjusted(legacy) || isAdjusted(young.first.legacy))
  return found.map((one): FieldDifference => {
    if (isTimeless && /^(?:start|end)$/.test(one.path)) return { ...one, class: 'mapped', rule: 'Z-T4' }
    if (isMoved && /^(?:start|end|events\.timeUnixNano)$/.test(one.path)) return { ...one, class: 'reader', rule: 'reader_adjusted' }
    return one
  })
}

/** Pairs that the sample missed and that are not the same: all that was read is compared by its fields, the census alone is for a sample. */
function faultyOf(inScope: readonly Pair[], sampled: ReadonlySet<Pair>, readers: Readers): readonly Pair[] {
  const faulty: Pair[] = []
  for (const pair of inScope) {
    if (sampled.has(pair) || !differencesOf(pair, readers).some((one) => one.class === 'unexplained')) continue
    faulty.push(pair)
    if (faulty.length >= mostOutside) break
  }
  return faulty
}

/** Spans of the sample, field by field and by census; and those beside it that are not the same. */
function compareSampled(
  inScope: readonly Pair[],
  input: JudgeInput,
  keyOfStack: (stack: Stack) => string,
  countOf: (key: string) => KeyCount,
): void {
  const { read, translation, readers, sent } = input
  const chosen = sampleByKey(
    inScope,
    input.samples,
    ({ old }) => keyOfStack(old),
    ({ old }) => old.identity,
  )
  const also = inScope.filter(({ old, new: young }) => read.asked.has(old.span.traceId) || sent.has(young.identity))
  const sampled = new Set([...chosen, ...also])
  for (const pair of new Set([...sampled, ...faultyOf(inScope, sampled, readers)])) {
    const { old, new: young, by } = pair
    const count = countOf(keyOfStack(old))
    const isSample = sampled.has(pair)
    if (isSample) {
      count.sampled++
      count.foundOld++
      count.foundNew++
    } else count.outside++
    const at = { id: idOf(young.span), atMs: msOf(young.span) }
    const classes = new Set<DifferenceClass>()
    const add = (finding: Finding): void => {
      classes.add(finding.class)
      count.differences.add(finding)
    }
    const { legacy } = old.first
    // What is explained once needs no second explanation.
    const settled = new Set<string>(by === 'cut_old' ? ['traceId'] : [])
    for (const { class: why, rule, kind, path, expected, actual } of differencesOf(pair, readers)) {
      if (why !== 'unexplained') settled.add(path)
      add({ class: why, rule, kind, path, old: expected, new: actual, expected, ...at })
    }
    const asSent = sent.get(identityOf(young.span))
    if (asSent !== undefined) {
      // The old side changes what it stores; the bridge's own record says what new should have.
      for (const { path, expected, actual, class: why, rule } of compareSpans(asSent, young.span, { old: 'otlp', new: readers.new }))
        add({ class: why, rule, kind: 'changed', path, new: actual, expected, ...at, text: `${path} is not as the bridge sent it` })
    }
    if (legacy !== undefined && translation !== undefined && old.pieces === 1 && young.pieces === 1) {
      const left = census(translation.atoms(legacy), young.span, translation.explain(legacy), readers.new === 'otlp')
      for (const { path, side, value } of left.filter(({ places }) => !places.some((place) => settled.has(place))))
        add({ class: 'unexplained', kind: 'unaccounted', rule: '', path, [side]: value, ...at })
    }
    if (!isSample) continue
    if (classes.has('unexplained')) count.unexplained++
    else if (classes.size > 0) count.explained++
    else count.equal++
  }
}
