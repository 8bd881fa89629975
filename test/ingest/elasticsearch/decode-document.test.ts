import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBridgeError } from '../../../src/errors.ts'
import { DocumentDecoder, type DocumentLimits } from '../../../src/ingest/elasticsearch/decode-document.ts'
import { type AnyValue, type KeyValue, ValueType } from '../../../src/otlp/model.ts'
import { toDouble, toSignedBigInt } from '../../../src/otlp/time.ts'
import { createFieldTable } from '../../../src/translate/elasticsearch/fields.ts'
import { Leaves } from '../../../src/translate/elasticsearch/model.ts'

const limits: DocumentLimits = { maxFields: 1000, maxListValues: 1000, maxDepth: 20, maxBytes: 100_000 }

function create(own: Partial<DocumentLimits> = {}, keepEmpty = false, cap?: number) {
  const table = createFieldTable({ plan: () => 0, ...(cap === undefined ? {} : { cap }) })
  const leaves = new Leaves()
  const decoder = new DocumentDecoder(table, leaves, { ...limits, ...own }, { keepEmpty })
  return { decoder, leaves, table }
}

const textOf = (bytes: Uint8Array, a: number, b: number): string => Buffer.from(bytes).toString('utf8', a, b)

function plainValue(bytes: Uint8Array, { type, a, b, ref }: AnyValue): unknown {
  switch (type) {
    case ValueType.Empty:
      return null
    case ValueType.Text:
      return textOf(ref === null ? bytes : (ref as Uint8Array), a, b)
    case ValueType.Bool:
      return a === 1
    case ValueType.Int:
      return toSignedBigInt(a, b)
    case ValueType.Double:
      return toDouble(a, b)
    case ValueType.Array:
      return (ref as readonly AnyValue[]).map((one) => plainValue(bytes, one))
    default:
      return Object.fromEntries((ref as readonly KeyValue[]).map((one) => [one.key.text, plainValue(bytes, one)]))
  }
}

/** The leaves as pairs of path and value. */
function plain(leaves: Leaves, bytes: Uint8Array): [string, unknown][] {
  return Array.from({ length: leaves.count }, (_, row) => {
    const type = leaves.types[row] as number
    const a = leaves.a[row] as number
    const ref = type === ValueType.Array || type === ValueType.KvList ? (leaves.lists[a] ?? null) : null
    return [leaves.fields[row]?.path ?? '?', plainValue(bytes, { type, a, b: leaves.b[row] as number, ref })]
  })
}

/** Reads one document that stands between others. */
function read(text: string | Uint8Array, made = create()): [string, unknown][] {
  const line = Buffer.from(text)
  const bytes = Buffer.concat([Buffer.from('{"before":1}\n'), line, Buffer.from('\n{"after":2}')])
  made.decoder.open(bytes)
  expect(made.decoder.read(13, 13 + line.length)).toBe(true)
  return plain(made.leaves, bytes)
}

function codeOf(text: string | Uint8Array, made = create()): string {
  try {
    read(text, made)
  } catch (error) {
    if (isBridgeError(error)) return error.code
    throw error
  }
  return 'none'
}

/** What the leaves of a value are, told without the decoder. */
function flatten(value: unknown, path: string, into: Map<string, unknown>, isTop = true): Map<string, unknown> {
  if (value === null) return into
  if (Array.isArray(value)) {
    if (value.length > 0) into.set(path, value.map(inList))
  } else if (typeof value === 'object') {
    for (const [name, one] of Object.entries(value as object)) flatten(one, isTop ? name : `${path}.${name}`, into, false)
  } else into.set(path, typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value)
  return into
}

function inList(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inList)
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value)
      .map(([name, one]) => [name, inList(one)] as const)
      .filter(([, one]) => one !== null && !(typeof one === 'object' && Object.keys(one).length === 0))
    return Object.fromEntries(members)
  }
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : value
}

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'host', 'host.name', 'message', '__proto__x', 'ü', 'a"b', 'back\\slash', 'tab\t'),
  fc.string({ minLength: 1, maxLength: 12 }),
)
const leaf = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.boolean(),
  fc.constant(null),
  fc.maxSafeInteger(),
  fc.integer({ min: -300, max: 300 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((one) => !Number.isInteger(one)),
)
const { object } = fc.letrec<{ object: Record<string, unknown>; value: unknown }>((tie) => ({
  object: fc.dictionary(name, tie('value'), { maxKeys: 6, noNullPrototype: true }),
  value: fc.oneof({ depthSize: 'small' }, leaf, leaf, fc.array(tie('value'), { maxLength: 4 }), tie('object')),
}))

const sorted = (pairs: Iterable<[string, unknown]>): [string, unknown][] => [...pairs].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))

describe('DocumentDecoder', () => {
  it('finds every leaf of any document, whatever came before it', () => {
    const made = create()
    fc.assert(
      fc.property(fc.array(object, { minLength: 1, maxLength: 4 }), fc.nat(2), (documents, spaces) => {
        for (const document of documents) {
          const found = read(JSON.stringify(document, undefined, ' '.repeat(spaces)).replaceAll('\n', ' '), made)
          expect(sorted(found)).toEqual(sorted(flatten(document, '', new Map())))
        }
      }),
      { numRuns: 600 },
    )
  })

  it.each([
    ['{"a":9007199254740993}', 9007199254740993n],
    ['{"a":9223372036854775807}', 9223372036854775807n],
    ['{"a":-9223372036854775808}', -9223372036854775808n],
    ['{"a":9223372036854775808}', '9223372036854775808'],
    ['{"a":-9223372036854775809}', '-9223372036854775809'],
    ['{"a":123456789012345678901234567890}', '123456789012345678901234567890'],
    ['{"a":0}', 0n],
    ['{"a":-0}', 0n],
    ['{"a":-0.0}', -0],
    ['{"a":1.0}', 1],
    ['{"a":1e3}', 1000],
    ['{"a":1e400}', '1e400'],
    ['{"a":999999999}', 999999999n],
    ['{"a":-999999999}', -999999999n],
    ['{"a":1000000000}', 1000000000n],
    ['{"a":4294967296}', 4294967296n],
    ['{"a":-4294967296}', -4294967296n],
  ])('reads the number in %s to the last digit', (text, expected) => {
    expect(read(text)).toEqual([['a', expected]])
    expect(read(`{"a":[${text.slice(5, -1)}]}`)).toEqual([['a', [expected]]])
  })

  it('takes dots and nesting for the same', () => {
    const made = create()
    expect(read('{"host.name":"a","http":{"response.status":1}}', made)).toEqual([
      ['host.name', 'a'],
      ['http.response.status', 1n],
    ])
    expect(read('{"host":{"name":"a"},"http.response":{"status":1}}', made)).toEqual([
      ['host.name', 'a'],
      ['http.response.status', 1n],
    ])
    expect(made.leaves.conflicts).toBe(0)
  })

  it('lets the last one count of a leaf that comes twice, and says so', () => {
    const made = create()
    expect(read('{"host":{"name":"a"},"b":1,"host.name":"c","b":"d"}', made)).toEqual([
      ['host.name', 'c'],
      ['b', 'd'],
    ])
    expect(made.leaves.conflicts).toBe(2)
  })

  it('keeps a scalar beside an object of the same name', () => {
    expect(read('{"host":"a","host":{"name":"b"}}')).toEqual([
      ['host', 'a'],
      ['host.name', 'b'],
    ])
  })

  it('reads names that are like members of objects', () => {
    expect(read('{"__proto__":{"a":1},"constructor":"b","toString":2,"hasOwnProperty":[{"__proto__":1}]}')).toEqual([
      ['__proto__.a', 1n],
      ['constructor', 'b'],
      ['toString', 2n],
      ['hasOwnProperty', [Object.fromEntries([['__proto__', 1n]])]],
    ])
  })

  it('unescapes text and names; half a surrogate pair becomes U+FFFD', () => {
    expect(read('{"a\\u0062\\n":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00\\ud800x"}')).toEqual([['ab\n', '"\\/\b\f\n\r\té😀\ufffdx']])
  })

  it('keeps empty lists and objects where that is wanted', () => {
    const text = '{"a":[],"b":{},"c":{"d":{}},"e":null,"f":[{}]}'
    expect(read(text)).toEqual([['f', [{}]]])
    expect(read(text, create({}, true))).toEqual([
      ['a', []],
      ['b', {}],
      ['c.d', {}],
      ['f', [{}]],
    ])
  })

  it('says of what is no object that it is none', () => {
    const { decoder } = create()
    const bytes = Buffer.from(' [1] "a" 12 null true')
    decoder.open(bytes)
    expect(decoder.read(0, 4)).toBe(false)
    expect(decoder.read(5, 8)).toBe(false)
    expect(decoder.read(9, 11)).toBe(false)
    expect(decoder.read(12, 16)).toBe(false)
    expect(decoder.read(17, 21)).toBe(false)
  })

  it.each([
    '{"a":1',
    '{"a":',
    '{"a"',
    '{"a":1}}',
    '{"a":1} x',
    '{"a":"x',
    '{"a":"x\\',
    '{"a":"x\\u12',
    '{"a" 1}',
    '{a:1}',
    '{"a":01}',
    '{"a":NaN}',
    '{"a":+1}',
    '{"a":.5}',
    '{"a":1.}',
    '{"a":Infinity}',
    '{"a":tru}',
    '{"a":[1,]}',
    '{"a":1,}',
    '{,}',
    '{"a":"\t"}',
    '{"a":"x\u0001 long enough for words"}',
    '{"a\u0001":1}',
    '{"a":/* */1}',
    "{'a':1}",
    '{"a":"\\x"}',
    '{"a":"\\ud83d\\',
  ])('refuses %j', (text) => {
    expect(codeOf(text)).toBe('OB_DECODE_JSON')
  })

  it('refuses every document that is cut off', () => {
    const made = create()
    const text = '{"a":"x\\u00e9y","b":[1,{"c":true}],"d":{"e":-1.5e3}}'
    for (let end = 1; end < text.length; end++) expect(codeOf(text.slice(0, end), made), text.slice(0, end)).toBe('OB_DECODE_JSON')
    expect(codeOf(text, made)).toBe('none')
  })

  it('never reads beyond the end of a document, whatever follows it', () => {
    const { decoder } = create()
    const bytes = Buffer.from('{"a":"x\n","b":1}\n')
    decoder.open(bytes)
    expect(() => decoder.read(0, 7)).toThrow(/JSON/)
  })

  it('has limits for depth, fields, values of lists and bytes', () => {
    expect(codeOf(`${'{"a":'.repeat(21)}1${'}'.repeat(21)}`)).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(`{"a":${'['.repeat(10_000)}`)).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(`${'{"a":'.repeat(10_000)}1`)).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(`{"a":${'[{"b":'.repeat(30)}`)).toBe('OB_LIMIT_DEPTH')
    const many = Array.from({ length: 1001 }, (_, i) => `"k${i}":${i}`).join(',')
    expect(codeOf(`{${many}}`)).toBe('OB_LIMIT_ITEMS')
    expect(codeOf(`{"a":[${'1,'.repeat(1000)}1]}`)).toBe('OB_LIMIT_ITEMS')
    expect(codeOf(`{"a":"${'x'.repeat(100_000)}"}`)).toBe('OB_LIMIT_LENGTH')
  })

  it('has a limit for names of what is no field, but for those that come again and again', () => {
    const hollow = (count: number, value: string): string => `{${Array.from({ length: count }, (_, i) => `"k${i}":${value}`).join(',')}}`
    for (const value of ['{}', 'null', '[]']) {
      expect(codeOf(hollow(4001, value))).toBe('OB_LIMIT_ITEMS')
      expect(read(hollow(4000, value))).toEqual([])
    }
    expect(read(`{${'"a":{},'.repeat(5000)}"b":1}`)).toEqual([['b', 1n]])
  })

  it('goes on reading rightly when senders send more names than are kept', () => {
    const made = create({}, false, 20)
    for (let round = 0; round < 50; round++) {
      const names = Array.from({ length: 15 }, (_, i) => `n${(round * 7 + i) % 60}`)
      const text = JSON.stringify(Object.fromEntries(names.map((one, i) => [one, { x: i, y: 'z' }])))
      expect(read(text, made)).toEqual(
        names.flatMap((one, i) => [
          [`${one}.x`, BigInt(i)],
          [`${one}.y`, 'z'],
        ]),
      )
      expect(made.table.size).toBeLessThanOrEqual(20)
    }
    expect(read('{"new1":{"new2":1},"new1.new2":2}', made)).toEqual([['new1.new2', 2n]])
  })

  it('refuses names that are far longer than their document when all that is above them is written out', () => {
    const wide = () => create({ maxBytes: 16 << 20, maxFields: 10_000, maxDepth: 100 })
    const below = (name: string, count: number): string => `{"${name}":{${Array.from({ length: count }, (_, i) => `"a${i}":1`).join(',')}}}`
    const nested = (name: string): string => `${`{"${name}":`.repeat(99)}1${'}'.repeat(99)}`
    const empty = `{"${'p'.repeat(100_000)}":{${Array.from({ length: 10_000 }, (_, i) => `"a${i}":{}`).join(',')}}}`
    for (const text of [below('p'.repeat(10_000), 5000), nested('p'.repeat(10_000)), empty]) {
      const made = wide()
      expect(codeOf(text, made)).toBe('OB_LIMIT_LENGTH')
      // Whether the names are known or not.
      expect(codeOf(text, made)).toBe('OB_LIMIT_LENGTH')
    }
    for (const text of [
      below('elasticsearch.node.stats.indices', 1000),
      nested('a'),
      nested('a name of some length'),
      `{"${'x'.repeat(9 << 20)}":1}`,
    ]) {
      expect(codeOf(text, wide())).toBe('none')
    }
  })

  it('keeps as JSON what nests deeper in lists than readers of protobuf go', () => {
    const deep = { maxDepth: 100 }
    const depthOf = (value: unknown): number =>
      value !== null && typeof value === 'object' ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0
    const innermost = (value: unknown): unknown =>
      value !== null && typeof value === 'object' ? innermost(Object.values(value)[0]) : value
    const lists = read(`{"a":${'['.repeat(60)}"x\\n"${']'.repeat(60)}}`, create(deep))
    expect(depthOf(lists[0]?.[1])).toBe(18)
    expect(innermost(lists[0]?.[1])).toBe(`${'['.repeat(42)}"x\\n"${']'.repeat(42)}`)
    const maps = read(`{"a":[${'{"b":'.repeat(60)}"x"${'}'.repeat(60)}]}`, create(deep))
    expect(depthOf(maps[0]?.[1])).toBe(1 + 11)
    expect(innermost(maps[0]?.[1])).toBe(`${'{"b":'.repeat(49)}"x"${'}'.repeat(49)}`)
    expect(codeOf(`{"a":${'['.repeat(100)}1${']'.repeat(100)}}`, create(deep))).toBe('OB_LIMIT_DEPTH')
    expect(codeOf(`{"a":${'['.repeat(60)}tru${']'.repeat(60)}}`, create(deep))).toBe('OB_DECODE_JSON')
  })

  it('takes names of any length', () => {
    const made = create()
    const long = 'x'.repeat(20_000)
    expect(read(`{"${long}":1,"${long}y":2,"${long}":3}`, made)).toEqual([
      [long, 3n],
      [`${long}y`, 2n],
    ])
  })
})
