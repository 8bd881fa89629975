import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { DocumentDecoder } from '../../../src/ingest/elasticsearch/decode-document.ts'
import { ValueType } from '../../../src/otlp/model.ts'
import { createFieldTable } from '../../../src/translate/elasticsearch/fields.ts'
import { Leaves } from '../../../src/translate/elasticsearch/model.ts'

const limits = { maxFields: 50, maxListValues: 100, maxDepth: 20, maxBytes: 10_000 }

function create() {
  const leaves = new Leaves()
  const decoder = new DocumentDecoder(createFieldTable({ plan: () => 0 }), leaves, { ...limits }, { keepEmpty: false })
  return { decoder, leaves }
}

/** All that the leaves of a document say, texts and numbers as they stand there; or the code of what is wrong with it. */
function told({ decoder, leaves }: ReturnType<typeof create>, piece: Uint8Array, start: number, end: number): unknown {
  try {
    if (!decoder.read(start, end)) return 'no object'
  } catch (error) {
    if (!isBridgeError(error)) throw error
    return error.code
  }
  const text = (from: number, to: number): string => Buffer.from(piece).toString('latin1', from, to)
  const rows = Array.from({ length: leaves.count }, (_, row) => {
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    const b = leaves.b[row] as number
    const path = leaves.fields[row]?.path
    if (type === ValueType.Text) return [path, type, text(a, b)]
    if (type >= ValueType.Array) return [path, type, JSON.stringify(leaves.lists[a], (key, value) => (key === 'ref' ? undefined : value))]
    const isNumber = type === ValueType.Int || type === ValueType.Double
    return [path, type, a, b, isNumber ? text(leaves.starts[row] as number, leaves.ends[row] as number) : '']
  })
  return { rows, conflicts: leaves.conflicts, digits: leaves.digits }
}

/** Each document read behind all others, and the same with nothing before it. */
function bothWays(documents: readonly string[]): readonly (readonly [unknown, unknown])[] {
  const piece = (): Buffer => Buffer.from(`${documents.join('\n')}\n`)
  const together = create()
  const shared = piece()
  together.decoder.open(shared)
  let start = 0
  return documents.map((document) => {
    const end = start + Buffer.byteLength(document)
    const one = told(together, shared, start, end)
    const alone = create()
    const own = piece()
    alone.decoder.open(own)
    const other = told(alone, own, start, end)
    start = end + 1
    return [one, other]
  })
}

const word = fc.oneof(
  fc.constantFrom('', 'a', 'info', 'ü', '"', '\\', '\n', '\u{1f600}', '},"sort":[', 'x'.repeat(70)),
  fc.string({ maxLength: 20 }),
)
/** As it stands in a document; the last ones are no JSON. */
const number = fc.constantFrom(
  '0',
  '-0',
  '7',
  '200',
  '-31',
  '1e3',
  '0.25',
  '999999999',
  '-9223372036854775808',
  '18446744073709551616',
  '1e400',
  '01',
  '-',
  '1.',
)
const value = fc.oneof(
  { weight: 6, arbitrary: word.map((one) => JSON.stringify(one)) },
  { weight: 6, arbitrary: number },
  fc.constantFrom('true', 'false', 'null', 'falsy', 'tru', '[]', '[1,"a"]', '{}', '{"deep":{"er":1}}'),
)
/** Documents of some forms: names and blanks of a form are the same in all of them. */
const documents = fc
  .array(
    fc.record({
      names: fc.uniqueArray(fc.constantFrom('a', 'b.c', 'message', '@timestamp', 'quite.a.long.name.of.something', 'ä', 'q"'), {
        minLength: 1,
        maxLength: 6,
      }),
      colon: fc.constantFrom(':', ': '),
      nested: fc.boolean(),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .chain((forms) =>
    fc
      .array(fc.tuple(fc.nat(forms.length - 1), fc.array(value, { minLength: 6, maxLength: 6 }), fc.constantFrom('', '', '', ' ', '}')), {
        minLength: 2,
        maxLength: 40,
      })
      .map((rows) =>
        rows.map(([at, values, behind]) => {
          const form = forms[at] as (typeof forms)[number]
          const members = form.names.map((name, i) => `${JSON.stringify(name)}${form.colon}${values[i]}`).join(',')
          return form.nested ? `{"o":{${members}},"n":1}${behind}` : `{${members}}${behind}`
        }),
      ),
  )

describe('DocumentShapes', () => {
  it('gives the leaves that a document has by itself, whatever stood before it', () => {
    fc.assert(
      fc.property(documents, (all) => {
        for (const [one, other] of bothWays(all)) expect(one).toEqual(other)
      }),
      { numRuns: 500 },
    )
  })

  it('reads documents of one form whose texts were escaped, cut off, or other values before', () => {
    const all = [
      '{"t":"plain","n":1,"b":true}',
      '{"t":"es\\"caped","n":2,"b":false}',
      '{"t":"again","n":2.5,"b":true}',
      '{"t":"again","n":"3","b":true}',
      '{"t":"again","n":3,"b":null}',
      '{"t":"again","n":3,"b":true',
      '{"t":"again","n":3,"b":true}}',
      '{"t":"a\u0001b","n":3,"b":true}',
      '{"t":"","n":-4,"b":false}',
    ]
    const read = bothWays(all)
    for (const [one, other] of read) expect(one).toEqual(other)
    expect(read.map(([one]) => (typeof one === 'string' ? one : 'read'))).toEqual([
      'read',
      'read',
      'read',
      'read',
      'read',
      'OB_DECODE_JSON',
      'OB_DECODE_JSON',
      'OB_DECODE_JSON',
      'read',
    ])
  })

  it('goes on where many documents are like none', () => {
    const all = Array.from({ length: 100 }, (_, i) => `{"k${i % 50}":${i},"same":"x"}`)
    for (const [one, other] of bothWays(all)) expect(one).toEqual(other)
  })
})
