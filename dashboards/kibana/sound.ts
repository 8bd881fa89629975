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

/** The same value, with windows at its end; `unsupported` where that cannot be. */
export function soundValue(value: Value): Value {
  switch (value.kind) {
    case 'window':
    case 'function': {
      const of = soundValue(value.of)
      return of.kind === 'unsupported' ? of : hasBehind(of) ? refused(value.kind === 'window' ? value.fn : value.name) : { ...value, of }
    }
    case 'difference': {
      // What is added up bucket by bucket, and then taken apart again: the usual way to write a sum a second.
      if (value.of.kind === 'window' && value.of.fn === 'cumulative_sum' && value.lag === 1) {
        const of = soundValue(value.of.of)
        return value.perSeconds === undefined ? of : { kind: 'per', seconds: value.perSeconds, of }
      }
      return hasBehind(value.of) ? refused('a difference') : value
    }
    case 'per': {
      const of = soundValue(value.of)
      // Both are linear: they change places.
      if (of.kind === 'window') return { ...of, of: { ...value, of: of.of } }
      return hasBehind(of) ? refused('a rate') : { ...value, of }
    }
    case 'arithmetic': {
      const left = soundValue(value.left)
      const right = soundValue(value.right)
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
