/** What a filter means to Elasticsearch, for documents whose fields are keywords and numbers: an evaluator beside the one that is tested. */

import type { Filter, Leaf } from '../../../dashboards/filters/model.ts'

/** Field → value; a field that is not there is absent. */
export type Doc = Readonly<Record<string, string | number>>

export function fits(filter: Filter, doc: Doc): boolean {
  switch (filter.kind) {
    case 'all':
      return true
    case 'none':
      return false
    case 'and':
      return filter.parts.every((part) => fits(part, doc))
    case 'or':
      return filter.parts.some((part) => fits(part, doc))
    case 'not':
      return !fits(filter.part, doc)
    case 'nested':
      return fits(filter.part, doc)
    case 'leaf':
      return fitsLeaf(filter, doc)
  }
}

function fitsLeaf({ field, test }: Leaf, doc: Doc): boolean {
  if (field === undefined) throw new Error('a leaf without a field is not exact')
  const value = Object.hasOwn(doc, field) ? doc[field] : undefined
  if (value === undefined) return false
  const text = String(value)
  switch (test.op) {
    case 'exists':
      return true
    case 'term':
      return test.values.includes(text)
    case 'match':
    case 'phrase':
      return text === test.words
    case 'prefix':
      return text.startsWith(test.text)
    case 'wildcard':
      return glob(test.pieces, 0, text, 0)
    case 'range': {
      if (typeof value !== 'number') return false
      const low = test.from === undefined || (test.from.inclusive ? value >= Number(test.from.value) : value > Number(test.from.value))
      const high = test.to === undefined || (test.to.inclusive ? value <= Number(test.to.value) : value < Number(test.to.value))
      return low && high
    }
    default:
      throw new Error(`${test.op} is not exact`)
  }
}

type Pieces = Extract<Leaf['test'], { op: 'wildcard' }>['pieces']

function glob(pieces: Pieces, piece: number, text: string, at: number): boolean {
  const one = pieces[piece]
  if (one === undefined) return at === text.length
  if (typeof one === 'string') return text.startsWith(one, at) && glob(pieces, piece + 1, text, at + one.length)
  if (one.sign === 'one') return at < text.length && glob(pieces, piece + 1, text, at + 1)
  for (let next = at; next <= text.length; next++) if (glob(pieces, piece + 1, text, next)) return true
  return false
}
