/** Random documents, and random queries of them. */

import fc from 'fast-check'
import type { Doc } from './filter-oracle.ts'

const words = ['alpha', 'Beta', 'a.b', 'x-y', 'c*d', 'q"r', 'b\\s', 'ünï', 'a|b', '(z)', 'alphabet', '$', '[k]']
const keywordFields = ['service.name', 'k.one', 'k.two', 'url.path', 'host.name']
const numberFields = ['n.one', 'n.two']

const keyword = fc.constantFrom(...words)
const number = fc.integer({ min: -3, max: 3 })
/** A document; any of its fields may be absent. */
export const doc: fc.Arbitrary<Doc> = fc
  .record(
    {
      ...Object.fromEntries(keywordFields.map((name) => [name, keyword])),
      ...Object.fromEntries(numberFields.map((name) => [name, number])),
    },
    { requiredKeys: [] },
  )
  .map((one) => ({ ...one }) as Doc)

const quoted = (word: string): string => `"${word.replaceAll(/[\\"]/g, '\\$&')}"`
const bare = (word: string): string => word.replaceAll(/[^\p{L}\p{N}]/gu, '\\$&')

const kqlLeaf = fc.oneof(
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}: ${quoted(word)}`),
  fc
    .tuple(fc.constantFrom(...keywordFields), keyword)
    .map(([field, word]) => `${field} : ${word.replaceAll(/[\\():<>"*{}$[\]]/g, '\\$&')}`),
  fc.tuple(fc.constantFrom(...keywordFields), fc.constantFrom('al*', '*a', 'a*t', '*')).map(([field, wild]) => `${field}: ${wild}`),
  fc
    .tuple(fc.constantFrom(...keywordFields), keyword, keyword)
    .map(([field, one, other]) => `${field}: (${quoted(one)} or ${quoted(other)})`),
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}: (not ${quoted(word)})`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('<', '<=', '>', '>='), number)
    .map(([field, op, value]) => `${field} ${op} ${value}`),
)

/** Queries in KQL whose leaves are all exact. */
export const kqlText = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    kqlLeaf,
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} and ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} OR ${other})`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `${one} or ${other} and ${third}`),
    tie('node').map((one) => `not (${one})`),
  ),
})).node

const luceneLeaf = fc.oneof(
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}:${quoted(word)}`),
  fc.tuple(fc.constantFrom(...keywordFields), keyword).map(([field, word]) => `${field}:${bare(word)}`),
  fc.tuple(fc.constantFrom(...keywordFields), fc.constantFrom('al*', '?eta', 'a*t', '*')).map(([field, wild]) => `${field}:${wild}`),
  fc.constantFrom(...keywordFields, ...numberFields).map((field) => `_exists_:${field}`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('[', '{'), number, number, fc.constantFrom(']', '}'))
    .map(([field, open, low, high, close]) => `${field}:${open}${Math.min(low, high)} TO ${Math.max(low, high)}${close}`),
  fc
    .tuple(fc.constantFrom(...numberFields), fc.constantFrom('<', '<=', '>', '>='), number)
    .map(([field, op, value]) => `${field}:${op}${value}`),
)

/** The same in Lucene. */
export const luceneText = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    luceneLeaf,
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} AND ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} ${other})`),
    fc.tuple(tie('node'), tie('node')).map(([one, other]) => `(${one} || NOT ${other})`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `(+(${one}) -(${other}) (${third}))`),
    fc.tuple(tie('node'), tie('node'), tie('node')).map(([one, other, third]) => `(${one} OR ${other} AND ${third})`),
  ),
})).node
