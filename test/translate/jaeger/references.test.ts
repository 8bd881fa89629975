import { describe, expect, it } from 'vitest'
import { reference, type SpanParts, span, translate, translateOne } from '../../support/jaeger-model.ts'

const childOf = (id: bigint, trace?: bigint) => reference(0, id, trace)
const followsFrom = (id: bigint, trace?: bigint) => reference(1, id, trace)
const other = 0xdefn

const hex = (value: bigint): string => value.toString(16).padStart(16, '0')

/** Parent and links as `[parent, [type span @ trace, …]]`. */
const familyOf = (parts: SpanParts): unknown => {
  const { parentSpanId, links } = translateOne({ id: 9n, ...parts })
  const text = links.map(
    (link) =>
      `${link.attributes['opentracing.ref_type']} ${BigInt(`0x${link.spanId}`)}${link.traceId.endsWith(hex(other)) ? ' elsewhere' : ''}`,
  )
  return [parentSpanId === undefined ? undefined : BigInt(`0x${String(parentSpanId)}`), text]
}

const notesOf = (parts: SpanParts): unknown => translate([span({ id: 9n, ...parts })]).notes

describe('parentOf', () => {
  it.each([
    ['parentSpanId wins over references', { parent: 2n, references: [childOf(3n)] }, [2n, ['child_of 3']]],
    [
      'else the first CHILD_OF of the same trace',
      { references: [followsFrom(2n), childOf(3n), childOf(4n)] },
      [3n, ['follows_from 2', 'child_of 4']],
    ],
    [
      'else the first FOLLOWS_FROM of the same trace, which is a link too',
      { references: [followsFrom(2n, other), followsFrom(3n), followsFrom(4n)] },
      [3n, ['follows_from 2 elsewhere', 'follows_from 3', 'follows_from 4']],
    ],
    ['a CHILD_OF of another trace is no parent', { references: [childOf(3n, other)] }, [undefined, ['child_of 3 elsewhere']]],
    ['a reference to itself is no parent', { references: [childOf(9n), childOf(3n)] }, [3n, []]],
    ['a reference with zero ids is no parent', { references: [childOf(0n), childOf(3n, 0n), followsFrom(4n)] }, [4n, ['follows_from 4']]],
    ['a span with nothing has none', {}, [undefined, []]],
    ['its own id as parentSpanId is none', { parent: 9n }, [undefined, []]],
    ['and the references are looked at then', { parent: 9n, references: [childOf(3n)] }, [3n, []]],
  ])('%s', (_rule, parts, expected) => {
    expect(familyOf(parts)).toEqual(expected)
  })
})

describe('linksOf', () => {
  it.each([
    [
      'skips only the first of two equal references to the parent',
      { parent: 3n, references: [childOf(3n), childOf(3n)] },
      [3n, ['child_of 3']],
    ],
    [
      'keeps a CHILD_OF that has the id of the parent in another trace',
      { parent: 3n, references: [childOf(3n, other), childOf(3n)] },
      [3n, ['child_of 3 elsewhere']],
    ],
    ['keeps a FOLLOWS_FROM to the parent', { parent: 3n, references: [followsFrom(3n)] }, [3n, ['follows_from 3']]],
    [
      'takes an unknown type for FOLLOWS_FROM',
      { parent: 2n, references: [reference(7, 3n), reference(-1, 4n)] },
      [2n, ['follows_from 3', 'follows_from 4']],
    ],
    [
      'keeps a reference to its own span id in another trace',
      { references: [followsFrom(9n, other)] },
      [undefined, ['follows_from 9 elsewhere']],
    ],
  ])('%s', (_rule, parts, expected) => {
    expect(familyOf(parts)).toEqual(expected)
  })

  it('drops references with zero ids and to the span itself, and notes them', () => {
    const references = [childOf(0n), followsFrom(3n, 0n), childOf(9n), followsFrom(9n)]
    expect(familyOf({ references })).toEqual([undefined, []])
    expect(notesOf({ references })).toEqual([
      { reason: 'reference_id_zero', count: 2 },
      { reason: 'reference_to_itself', count: 2 },
    ])
    expect(notesOf({ parent: 9n })).toEqual([{ reason: 'parent_is_itself', count: 1 }])
  })
})
