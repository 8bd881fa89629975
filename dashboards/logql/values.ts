/** Numbers made of documents, and of other numbers, as expressions of LogQL or PromQL: the arithmetic that both share. */

import type { Code } from '../codes.ts'
import { type Note, type Status, worse } from '../model.ts'
import { durationText, type Interval, milliseconds } from './duration.ts'
import type { AfterStep, Aggregate, Value } from './query.ts'
import { decimal } from './text.ts'

/** An expression. */
export interface Piece {
  /** Empty: there is none, and status is `unsupported`. */
  readonly text: string
  /** It needs no brackets beside an operator. */
  readonly isAtom: boolean
  /** A number, not a vector. */
  readonly isNumber: boolean
  readonly status: Status
  readonly notes: readonly Note[]
  readonly afterSteps: readonly AfterStep[]
}

/** Around a part of a value. */
export interface Around {
  /** How far back it looks: lengths that add up, the last one may be Grafana's interval. */
  readonly shifts: readonly string[]
  /** How many differences are around: each one asks twice. */
  readonly differences?: number | undefined
  /** Where nothing is, it is 0: only where that makes a number, not below a fraction line. */
  readonly zero: boolean
}

export interface Dialect {
  readonly interval: Interval
  /** An alert has nothing behind it that could go on computing. */
  readonly alert: boolean
  aggregate(aggregate: Aggregate, around: Around): Piece
  /** What a language has for it on its own; undefined: nothing. */
  special?(value: Value, around: Around): Piece | undefined
}

export const piece = (text: string, isAtom = true, more: Partial<Piece> = {}): Piece => ({
  text,
  isAtom,
  isNumber: false,
  status: 'exact',
  notes: [],
  afterSteps: [],
  ...more,
})

export const impossible = (code: Code, text: string): Piece => piece('', true, { status: 'unsupported', notes: [{ code, text }] })

/** With another note; never better than it was. */
export const noted = (one: Piece, status: Status, code: Code, text: string): Piece => ({
  ...one,
  status: worse(one.status, status),
  notes: [...one.notes, { code, text }],
})

const bracketed = ({ text, isAtom }: Piece): string => (isAtom ? text : `(${text})`)

/** Joins what two pieces have to say. */
const joined = (text: string, parts: readonly Piece[], isAtom = false): Piece =>
  parts.some((one) => one.text === '') ? { ...join(parts), text: '', status: 'unsupported' } : { ...join(parts), text, isAtom }

const join = (parts: readonly Piece[]): Piece => ({
  text: '',
  isAtom: false,
  isNumber: false,
  status: parts.reduce<Status>((status, one) => worse(status, one.status), 'exact'),
  notes: parts.flatMap((one) => one.notes),
  afterSteps: parts.flatMap((one) => one.afterSteps),
})

/** Sum of lengths, as `offset` takes it; empty: none. Undefined: it cannot be written. */
export function offsetOf(shifts: readonly string[]): string | undefined {
  let ms = 0
  let own = ''
  for (const one of shifts) {
    const length = milliseconds(one)
    if (length !== undefined) ms += length
    else if (own === '' && one.startsWith('$')) own = one
    else return undefined
  }
  if (ms === 0) return own
  return own === '' ? durationText(ms) : `${durationText(ms)}${own}`
}

/** Seconds of a bucket, as a factor: a number, or what Grafana puts in. */
const secondsOf = ({ ms, text }: Interval): string | undefined => {
  if (ms !== undefined) return decimal(ms / 1000)
  if (text === '$__interval') return '($__interval_ms / 1000)'
  return text === '$__range' ? '$__range_s' : undefined
}

const times = (one: Piece, factor: number): Piece => (factor === 1 ? one : joined(`${bracketed(one)} * ${decimal(factor) ?? 1}`, [one]))

const deepest = 100
const mostDifferences = 4

/** The expression of a value. */
export function valueText(value: Value, dialect: Dialect, around: Around, depth = 0): Piece {
  if (depth > deepest) return impossible('OBD-L-025', `It is nested deeper than ${deepest}.`)
  const special = dialect.special?.(value, around)
  if (special !== undefined) return special
  const inner = (one: Value, more: Partial<Around> = {}): Piece => valueText(one, dialect, { ...around, ...more }, depth + 1)
  switch (value.kind) {
    case 'aggregate':
      return dialect.aggregate(value, around)
    case 'number': {
      const text = decimal(value.value)
      return text === undefined ? impossible('OBD-L-025', `${value.value} is no number.`) : piece(text, true, { isNumber: true })
    }
    case 'arithmetic': {
      const left = inner(value.left)
      const right = inner(value.right, value.op === '/' || value.op === '%' ? { zero: false } : {})
      return { ...joined(`${bracketed(left)} ${value.op} ${bracketed(right)}`, [left, right]), isNumber: left.isNumber && right.isNumber }
    }
    case 'compare': {
      const left = inner(value.left)
      const right = inner(value.right)
      return joined(`${bracketed(left)} ${value.op} bool ${bracketed(right)}`, [left, right])
    }
    case 'difference':
      return differenceText(value, dialect, around, inner)
    case 'per':
      return perText(value.of, value.seconds, dialect, inner)
    case 'window':
      return windowText(value, dialect, inner)
    case 'function':
      return functionText(value, dialect, depth, inner)
    case 'counter_rate':
      return impossible('OBD-L-035', `A rate of ${value.of.field ?? 'a counter'} cannot be made of documents.`)
    case 'unsupported':
      return impossible('OBD-L-025', `${value.text}: ${value.why}.`)
  }
}

type Inner = (value: Value, more?: Partial<Around>) => Piece

function differenceText(value: Extract<Value, { kind: 'difference' }>, dialect: Dialect, around: Around, inner: Inner): Piece {
  const { interval } = dialect
  const { lag, positive, perSeconds } = value
  if (interval.ms === undefined && lag !== 1)
    return impossible('OBD-L-021', `It compares with ${lag} buckets ago, and their length is Grafana's own.`)
  const differences = (around.differences ?? 0) + 1
  if (differences > mostDifferences)
    return impossible('OBD-L-021', `It is a difference of differences, more than ${mostDifferences} of them.`)
  const back = interval.ms === undefined ? interval.text : durationText(interval.ms * lag)
  const now = inner(value.of, { differences })
  const before = inner(value.of, { shifts: [...around.shifts, back], differences })
  const difference = joined(`${bracketed(now)} - ${bracketed(before)}`, [now, before])
  const kept = positive ? joined(`(${difference.text}) >= 0`, [difference]) : difference
  if (perSeconds === undefined || kept.text === '') return kept
  const seconds = secondsOf(interval)
  if (seconds === undefined) return impossible('OBD-L-021', 'It is for a unit of time, and the length of a bucket is not known.')
  return times(joined(`${bracketed(kept)} / ${seconds}`, [kept]), perSeconds)
}

function perText(of: Value, seconds: number, dialect: Dialect, inner: Inner): Piece {
  if (of.kind === 'aggregate' && (of.op === 'count' || of.op === 'sum')) {
    return times(inner({ ...of, op: 'rate' }), seconds)
  }
  const one = inner(of)
  const length = secondsOf(dialect.interval)
  if (length === undefined) return impossible('OBD-L-021', 'It is for a unit of time, and the length of a bucket is not known.')
  return times(joined(`${bracketed(one)} / ${length}`, [one]), seconds)
}

function windowText(value: Extract<Value, { kind: 'window' }>, dialect: Dialect, inner: Inner): Piece {
  const of = inner(value.of)
  if (of.text === '') return of
  if (dialect.alert) return impossible('OBD-L-021', `${value.fn} needs several buckets, which a rule has not.`)
  const said = noted(of, 'approximate', 'OBD-L-021', `${value.fn} is computed by Grafana, behind the query.`)
  return { ...said, afterSteps: [...of.afterSteps, windowStep(value)] }
}

function windowStep({ fn, size = 5 }: Extract<Value, { kind: 'window' }>): AfterStep {
  if (fn === 'moving_avg') {
    const window = { reducer: 'mean', windowAlignment: 'trailing', windowSize: size, windowSizeMode: 'fixed' }
    return { id: 'calculateField', options: { mode: 'windowFunctions', replaceFields: true, window } }
  }
  if (fn === 'cumulative_sum') {
    return { id: 'calculateField', options: { mode: 'cumulativeFunctions', replaceFields: true, cumulative: { reducer: 'sum' } } }
  }
  const reducer = { overall_avg: 'mean', overall_sum: 'sum', overall_min: 'min', overall_max: 'max' }[fn]
  return { id: 'reduce', options: { mode: 'reduceFields', reducers: [reducer] } }
}

function functionText(value: Extract<Value, { kind: 'function' }>, dialect: Dialect, depth: number, inner: Inner): Piece {
  const of = inner(value.of)
  if (of.text === '') return of
  if (value.name === 'sqrt') return joined(`${bracketed(of)} ^ 0.5`, [of])
  if (value.name === 'exp') return joined(`${decimal(Math.E)} ^ ${bracketed(of)}`, [of])
  if (dialect.alert || depth > 0)
    return impossible('OBD-L-025', `${value.name}() stands inside of an expression, and LogQL has nothing like it.`)
  const said = noted(of, 'approximate', 'OBD-L-025', `${value.name}() is computed by Grafana, behind the query.`)
  const step = { id: 'calculateField', options: { mode: 'unary', replaceFields: true, unary: { operator: value.name } } }
  return { ...said, afterSteps: [...of.afterSteps, step] }
}
