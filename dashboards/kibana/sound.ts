/**
 * Values that Grafana computes in part behind the query (windows over buckets, functions) are only right at the very end: whatever goes on computing with them would
 * compute with what the query gave before. Here they are brought to the end where arithmetic allows it, and refused where it does not.
 */

import type { Value } from '../logql/query.ts'

const isBehind = ({ kind }: Value): boolean => kind === 'window' || kind === 'function'

function hasBehind(value: Value): boolean {
  switch (value.kind) {
    case 'window':
    case 'function':
      return true
    case 'arithmetic':
    case 'compare':
      return hasBehind(value.left) || hasBehind(value.right)
    case 'difference':
    case 'per':
      return hasBehind(value.of)
    default:
      return false
  }
}

const refused = (text: string): Value => ({
  kind: 'unsupported',
  text,
  why: 'it goes on computing with what Grafana computes behind the query',
})

/** Most aggregations that an expression may hold when it is written: a difference writes what it is of twice. */
const heaviest = 200

function weightOf(value: Value): number {
  switch (value.kind) {
    case 'arithmetic':
    case 'compare':
      return weightOf(value.left) + weightOf(value.right)
    case 'difference':
      return 2 * weightOf(value.of)
    case 'per':
    case 'window':
    case 'function':
      return weightOf(value.of)
    default:
      return 1
  }
}

/** The value that is to be asked: one that can be written, or `unsupported`. */
export const soundValue = (value: Value): Value =>
  weightOf(value) > heaviest ? { kind: 'unsupported', text: value.kind, why: `it is made of more than ${heaviest} numbers` } : sound(value)

/** The same value, with windows at its end; `unsupported` where that cannot be. */
function sound(value: Value): Value {
  switch (value.kind) {
    case 'window':
    case 'function': {
      const of = sound(value.of)
      return of.kind === 'unsupported' ? of : hasBehind(of) ? refused(value.kind === 'window' ? value.fn : value.name) : { ...value, of }
    }
    case 'difference': {
      // What is added up bucket by bucket, and then taken apart again: the usual way to write a sum a second.
      if (value.of.kind === 'window' && value.of.fn === 'cumulative_sum' && value.lag === 1) {
        const of = sound(value.of.of)
        return value.perSeconds === undefined ? of : { kind: 'per', seconds: value.perSeconds, of }
      }
      return hasBehind(value.of) ? refused('a difference') : value
    }
    case 'per': {
      const of = sound(value.of)
      // Both are linear: they change places.
      if (of.kind === 'window') return { ...of, of: { ...value, of: of.of } }
      return hasBehind(of) ? refused('a rate') : { ...value, of }
    }
    case 'arithmetic': {
      const left = sound(value.left)
      const right = sound(value.right)
      const isScale = value.op === '*' || value.op === '/'
      if (isScale && left.kind === 'window' && right.kind === 'number') return { ...left, of: { ...value, left: left.of, right } }
      if (value.op === '*' && right.kind === 'window' && left.kind === 'number')
        return { ...right, of: { ...value, left, right: right.of } }
      return isBehind(left) || isBehind(right) || hasBehind(left) || hasBehind(right) ? refused(value.op) : { ...value, left, right }
    }
    case 'compare':
      return hasBehind(value.left) || hasBehind(value.right) ? refused(value.op) : value
    default:
      return value
  }
}
