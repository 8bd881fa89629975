import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeLogs, prepareLogAttributes } from '../../../src/otlp/encode/logs.ts'
import { ReverseWriter } from '../../../src/otlp/encode/writer.ts'
import { spanIdToHex, traceIdToHex } from '../../../src/otlp/ids.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import { type AttributeColumns, ColumnType, LogRecords, LogWord, logWords } from '../../../src/otlp/logs.ts'
import { type KeyValue, ValueType } from '../../../src/otlp/model.ts'
import { toBigInt, toDouble, toSignedBigInt } from '../../../src/otlp/time.ts'
import { officialDecode } from '../../support/official-otlp.ts'

/** One value, as columns and as JSON have it. */
type Value =
  | { kind: 'text'; text: string }
  | { kind: 'int'; hi: number; lo: number }
  | { kind: 'double'; hi: number; lo: number }
  | { kind: 'bool'; value: boolean }
  | { kind: 'bytes'; bytes: Uint8Array }
  | { kind: 'list'; texts: string[] }

interface Attribute {
  readonly name: string
  readonly value: Value
}

interface Row {
  readonly resource: number
  readonly scope: string
  readonly attributes: readonly Attribute[]
  readonly body: Value | undefined
  readonly words: readonly number[]
  readonly severity: number
  readonly severityText: string
  readonly eventName: string
}

const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const text = fc.oneof(fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ minLength: 150, maxLength: 400 }))
const names = Array.from({ length: 12 }, (_, i) => createKey('k'.repeat(i * i) + i, 0, true))

const value: fc.Arbitrary<Value> = fc.oneof(
  text.map((one): Value => ({ kind: 'text', text: one })),
  fc.tuple(int32, int32).map(([hi, lo]): Value => ({ kind: 'int', hi, lo })),
  fc.tuple(fc.integer({ min: 0, max: 0x7fe00000 }), int32).map(([hi, lo]): Value => ({ kind: 'double', hi, lo })),
  fc.boolean().map((one): Value => ({ kind: 'bool', value: one })),
  fc.uint8Array({ maxLength: 20 }).map((bytes): Value => ({ kind: 'bytes', bytes })),
  fc.array(fc.string({ maxLength: 8 }), { maxLength: 3 }).map((texts): Value => ({ kind: 'list', texts })),
)

const attribute: fc.Arbitrary<Attribute> = fc.record({ name: fc.nat(names.length - 1).map((i) => names[i]?.text ?? ''), value })
const attributes = fc.array(attribute, { maxLength: 6 })

const row: fc.Arbitrary<Row> = fc.record({
  resource: fc.nat(5),
  scope: fc.constantFrom('', 'a', 'bcde', 'bcdf', 'longer than a word'),
  attributes,
  body: fc.option(value, { nil: undefined }),
  words: fc.array(fc.oneof(fc.constant(0), int32), { minLength: 11, maxLength: 11 }),
  severity: fc.nat(24),
  severityText: text,
  eventName: fc.constantFrom('', 'exception'),
})

/** Text goes into one source, as it stands in the body of a request. */
function build(resources: readonly (readonly Attribute[])[], rows: readonly Row[], most = Number.POSITIVE_INFINITY): LogRecords {
  let source = Buffer.from('???')
  const slice = (one: string): [number, number] => {
    const start = source.length
    source = Buffer.concat([source, Buffer.from(one)])
    return [start, source.length]
  }
  const records = new LogRecords()
  const steps: (() => void)[] = []
  const put = (columns: AttributeColumns, name: string, one: Value): void => {
    const key = names.find(({ text: known }) => known === name) ?? createKey(name)
    if (one.kind === 'text') {
      const [a, b] = slice(one.text)
      steps.push(() => columns.push(key, ValueType.Text, a, b))
    } else if (one.kind === 'int') steps.push(() => columns.push(key, ValueType.Int, one.hi, one.lo))
    else if (one.kind === 'double') steps.push(() => columns.push(key, ValueType.Double, one.hi, one.lo))
    else if (one.kind === 'bool') steps.push(() => columns.push(key, ValueType.Bool, one.value ? 1 : 0, 0))
    else if (one.kind === 'bytes') steps.push(() => columns.push(key, ValueType.Bytes, columns.ref(one.bytes), 0))
    else {
      const parts = one.texts.map(slice)
      steps.push(() =>
        columns.push(key, ValueType.Array, columns.ref(parts.map(([a, b]) => ({ type: ValueType.Text, a, b, ref: records.source }))), 0),
      )
    }
  }
  for (const one of rows) {
    let at = 0
    let from = 0
    steps.push(() => {
      at = records.begin()
      from = records.resourceAttributes.used
    })
    for (const { name, value: own } of resources[one.resource] ?? []) put(records.resourceAttributes, name, own)
    for (const { name, value: own } of one.attributes) put(records.attributes, name, own)
    const scope = slice(one.scope)
    const severityText = slice(one.severityText)
    const eventName = slice(one.eventName)
    const body = one.body
    const bodyText = body?.kind === 'text' ? slice(body.text) : undefined
    const bodyList = body?.kind === 'list' ? body.texts.map(slice) : undefined
    steps.push(() => {
      const { words } = records
      const set = (word: number, own: number): void => void (words[at + word] = own)
      ;[
        LogWord.TimeHi,
        LogWord.TimeLo,
        LogWord.ObservedHi,
        LogWord.ObservedLo,
        LogWord.Trace0,
        LogWord.Trace1,
        LogWord.Trace2,
        LogWord.Trace3,
        LogWord.Span0,
        LogWord.Span1,
        LogWord.Flags,
      ].forEach((word, i) => {
        set(word, one.words[i] ?? 0)
      })
      set(LogWord.Severity, one.severity)
      set(LogWord.SeverityTextStart, severityText[0])
      set(LogWord.SeverityTextEnd, severityText[1])
      set(LogWord.EventNameStart, eventName[0])
      set(LogWord.EventNameEnd, eventName[1])
      const setBody = (type: number, a: number, b: number): void => {
        set(LogWord.BodyType, type)
        set(LogWord.BodyA, a)
        set(LogWord.BodyB, b)
      }
      if (bodyText !== undefined) setBody(ValueType.Text, ...bodyText)
      else if (bodyList !== undefined) {
        setBody(ValueType.Array, records.attributes.ref(bodyList.map(([a, b]) => ({ type: ValueType.Text, a, b, ref: records.source }))), 0)
      } else if (body?.kind === 'int') setBody(ValueType.Int, body.hi, body.lo)
      else if (body?.kind === 'double') setBody(ValueType.Double, body.hi, body.lo)
      else if (body?.kind === 'bool') setBody(ValueType.Bool, body.value ? 1 : 0, 0)
      else if (body?.kind === 'bytes') setBody(ValueType.Bytes, records.attributes.ref(body.bytes), 0)
      const found = records.resource(from, most)
      if (found === undefined) throw new Error('too many resources')
      records.end(found, ...scope)
    })
  }
  records.open(source)
  for (const step of steps) step()
  return records
}

const plainValue = (one: Value): object => {
  switch (one.kind) {
    case 'text':
      return { stringValue: one.text }
    case 'int':
      return { intValue: String(toSignedBigInt(one.hi, one.lo)) }
    case 'double':
      return { doubleValue: toDouble(one.hi, one.lo) }
    case 'bool':
      return { boolValue: one.value }
    case 'bytes':
      return { bytesValue: Buffer.from(one.bytes).toString('base64') }
    case 'list':
      return { arrayValue: one.texts.length === 0 ? {} : { values: one.texts.map((stringValue) => ({ stringValue })) } }
  }
}

const listed = (name: string, list: readonly unknown[]): object => (list.length === 0 ? {} : { [name]: list })
const plainAttributes = (list: readonly Attribute[]): object =>
  listed(
    'attributes',
    list.map(({ name, value: own }) => ({ key: name, value: plainValue(own) })),
  )

/** The same request by hand: groups in the order in which they are met first. */
function expected(resources: readonly (readonly Attribute[])[], rows: readonly Row[]): object {
  const groups = new Map<string, { resource: object; scopes: Map<string, object[]> }>()
  for (const { resource, scope, words, ...one } of rows) {
    const own = plainAttributes(resources[resource] ?? [])
    const key = JSON.stringify((resources[resource] ?? []).map((one) => JSON.stringify(plainAttributes([one]))).sort())
    const group = groups.get(key) ?? { resource: own, scopes: new Map<string, object[]>() }
    groups.set(key, group)
    const list = group.scopes.get(scope) ?? []
    group.scopes.set(scope, list)
    const [timeHi = 0, timeLo = 0, observedHi = 0, observedLo = 0, t0 = 0, t1 = 0, t2 = 0, t3 = 0, s0 = 0, s1 = 0, flags = 0] = words
    list.push({
      ...(timeHi === 0 && timeLo === 0 ? {} : { timeUnixNano: String(toBigInt(timeHi, timeLo)) }),
      ...(observedHi === 0 && observedLo === 0 ? {} : { observedTimeUnixNano: String(toBigInt(observedHi, observedLo)) }),
      ...(one.severity === 0 ? {} : { severityNumber: one.severity }),
      ...(one.severityText === '' ? {} : { severityText: one.severityText }),
      ...(one.body === undefined ? {} : { body: plainValue(one.body) }),
      ...plainAttributes(one.attributes),
      ...(flags === 0 ? {} : { flags: flags >>> 0 }),
      ...((t0 | t1 | t2 | t3) === 0 ? {} : { traceId: traceIdToHex(t0, t1, t2, t3) }),
      ...((s0 | s1) === 0 ? {} : { spanId: spanIdToHex(s0, s1) }),
      ...(one.eventName === '' ? {} : { eventName: one.eventName }),
    })
  }
  const list = [...groups.values()].map(({ resource, scopes }) => ({
    resource,
    scopeLogs: [...scopes].map(([name, logRecords]) => ({ scope: name === '' ? undefined : { name }, logRecords })),
  }))
  return JSON.parse(JSON.stringify(list.length === 0 ? {} : { resourceLogs: list }))
}

/** Defaults that protobufjs prints, and fields that the older messages lack, left out. */
const bare = (plain: unknown): unknown => JSON.parse(JSON.stringify(plain))

/** No name twice; the last two are the first two, in another order. */
const resources = fc
  .array(fc.uniqueArray(attribute, { maxLength: 6, selector: ({ name }) => name }), { minLength: 4, maxLength: 4 })
  .chain(([first = [], second = [], ...others]) => {
    const shuffled = (list: readonly Attribute[]) => fc.shuffledSubarray([...list], { minLength: list.length, maxLength: list.length })
    return fc.tuple(shuffled(first), shuffled(second)).map((copies) => [first, second, ...others, ...copies])
  })

const request = fc.record({
  resources,
  rows: fc.array(row, { maxLength: 12 }),
})

describe('encodeLogs', () => {
  it('writes what protobufjs with the official messages reads back, grouped by equal resource and scope', () => {
    const writer = new ReverseWriter()
    fc.assert(
      fc.property(request, fc.nat(3000), ({ resources, rows }, guess) => {
        const bytes = encodeLogs(build(resources, rows), writer, guess)
        expect(bare(officialDecode(bytes, 'logs'))).toEqual(expected(resources, rows))
      }),
      { numRuns: 400 },
    )
  })

  it('is the same after the columns were used for something else', () => {
    fc.assert(
      fc.property(request, ({ resources, rows }) => {
        const once = Buffer.from(encodeLogs(build(resources, rows), new ReverseWriter(), 100))
        const records = build(resources, [...rows, ...rows])
        records.clear()
        expect(encodeLogs(records, new ReverseWriter(), 100)).toHaveLength(0)
        expect(Buffer.compare(once, encodeLogs(build(resources, rows), new ReverseWriter(), 100))).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  it('puts prepared attributes where they were pushed', () => {
    const records = new LogRecords()
    records.open(Buffer.from('text'))
    records.begin()
    const own: KeyValue[] = [
      { key: createKey('elasticsearch.index'), type: ValueType.String, a: 0, b: 0, ref: 'logs' },
      { key: createKey('n'), type: ValueType.Int, a: 0, b: 7, ref: null },
    ]
    records.attributes.push(createKey('before'), ValueType.Text, 0, 4)
    records.attributes.push(undefined, ColumnType.Prepared, records.attributes.ref(prepareLogAttributes(own)), 0)
    const resource = records.resource(0, 1)
    if (resource === undefined) throw new Error('no resource')
    records.end(resource, 0, 0)
    const plain = officialDecode(encodeLogs(records, new ReverseWriter(), 10), 'logs')
    expect(bare(plain)).toEqual({
      resourceLogs: [
        {
          resource: {},
          scopeLogs: [
            {
              logRecords: [
                {
                  attributes: [
                    { key: 'before', value: { stringValue: 'text' } },
                    { key: 'elasticsearch.index', value: { stringValue: 'logs' } },
                    { key: 'n', value: { intValue: '7' } },
                  ],
                },
              ],
            },
          ],
        },
      ],
    })
  })
})

describe('LogRecords', () => {
  it('finds each of many resources again, and says when there are too many', () => {
    const text = Buffer.from(Array.from({ length: 5000 }, (_, i) => String(i).padStart(5, '0')).join(''))
    const records = new LogRecords()
    records.open(text)
    const key = createKey('host.name', 0, true)
    const find = (i: number, most: number) => {
      const from = records.resourceAttributes.used
      records.resourceAttributes.push(key, ValueType.Text, i * 5, i * 5 + 5)
      return records.resource(from, most)
    }
    for (let i = 0; i < 5000; i++) expect(find(i, 5000)).toBeDefined()
    for (let i = 0; i < 5000; i++) expect(find(i, 5000)).toBe(records.resources[i])
    expect(records.resources).toHaveLength(5000)
    records.resourceAttributes.push(key, ValueType.Text, 0, 4)
    const from = records.resourceAttributes.used - 1
    expect(records.resource(from, 5000)).toBeUndefined()
    expect(records.resourceAttributes.used).toBe(from + 1)
    expect(records.resource(from, Number.POSITIVE_INFINITY)).toBe(records.resources[5000])
  })

  it('takes lists in another order for the same resource, and lists of other keys or values for others', () => {
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => createKey(name, 0, true))
    const records = new LogRecords()
    records.open(Buffer.from('xy'))
    const find = (...list: (readonly [key: typeof a, place: number])[]) => {
      const from = records.resourceAttributes.used
      for (const [key, place] of list) records.resourceAttributes.push(key, ValueType.Text, place, place + 1)
      return records.resource(from, 100)
    }
    const first = find([a, 0], [b, 1], [c, 0])
    expect([find([c, 0], [a, 0], [b, 1]), find([b, 1], [a, 0], [c, 0])]).toEqual([first, first])
    // Without interned keys their text counts.
    expect(find([createKey('c'), 0], [createKey('b'), 1], [createKey('a'), 0])).toBe(first)
    for (const other of [find([b, 0], [a, 1], [c, 0]), find([a, 0], [b, 1], [d, 0]), find([a, 0], [b, 1]), find()])
      expect(other).not.toBe(first)
    expect(records.resources).toHaveLength(5)
  })

  it('finds each of many scopes of a resource again, of the right one', () => {
    const count = 300
    const text = Buffer.from(Array.from({ length: count }, (_, i) => String(i).padStart(5, '0')).join(''))
    const records = new LogRecords()
    records.open(text)
    const key = createKey('host.name', 0, true)
    const add = (resource: number, scope: number) => {
      const from = records.resourceAttributes.used
      records.resourceAttributes.push(key, ValueType.Text, resource * 5, resource * 5 + 5)
      records.begin()
      const found = records.resource(from, 10)
      if (found === undefined) throw new Error('no resource')
      records.end(found, scope * 5, scope * 5 + 5)
    }
    for (let round = 0; round < 3; round++) for (let i = 0; i < count; i++) for (const resource of [0, 1]) add(resource, i)
    expect(records.resources.map(({ scopeCount, records: many }) => [scopeCount, many])).toEqual([
      [count, 3 * count],
      [count, 3 * count],
    ])
    const plain = officialDecode(encodeLogs(records, new ReverseWriter(), 100), 'logs') as {
      resourceLogs: { scopeLogs: { scope: { name: string }; logRecords: unknown[] }[] }[]
    }
    for (const { scopeLogs } of plain.resourceLogs) {
      expect(scopeLogs.map(({ scope, logRecords }) => `${scope.name} ${logRecords.length}`)).toEqual(
        Array.from({ length: count }, (_, i) => `${String(i).padStart(5, '0')} 3`),
      )
    }
    records.clear()
    records.open(text)
    add(0, 1)
    expect(records.resources.map(({ scopeCount }) => scopeCount)).toEqual([1])
  })

  it('tells resources apart by lists, doubles and words of ours without looking through all of them', () => {
    const records = new LogRecords()
    records.open(Buffer.from('x'))
    const key = createKey('k', 0, true)
    const kinds: ((i: number) => void)[] = [
      (i) => {
        const values = [{ type: ValueType.Int, a: 0, b: i, ref: null }]
        records.resourceAttributes.push(key, ValueType.Array, records.resourceAttributes.ref(values), 0)
      },
      (i) => records.resourceAttributes.push(key, ValueType.Double, i, 0),
      (i) => records.resourceAttributes.push(key, ValueType.String, records.resourceAttributes.ref(`word ${i}`), 0),
    ]
    const hashes = kinds.map((push) => {
      const found = new Set<number>()
      for (let i = 0; i < 200; i++) {
        const from = records.resourceAttributes.used
        push(i)
        found.add(records.resource(from, 1000)?.hash ?? 0)
      }
      return found.size
    })
    for (const count of hashes) expect(count).toBeGreaterThan(190)
    expect(records.resources).toHaveLength(600)
  })

  it('has a row for each record, and gives memory back that one large request took', () => {
    const records = new LogRecords()
    records.open(Buffer.from('x'))
    for (let i = 0; i < 100_000; i++) {
      records.begin()
      for (let k = 0; k < 4; k++) records.attributes.push(names[k], ValueType.Int, 0, i)
      const resource = records.resource(0, 1)
      if (resource === undefined) throw new Error('no resource')
      records.end(resource, 0, 0)
    }
    expect(records.count).toBe(100_000)
    expect(records.words[99_999 * logWords + LogWord.From]).toBe(399_996)
    records.clear()
    expect(records.attributes.types.length).toBeLessThan(300_000)
    expect(records.words.length).toBeLessThan(1_000_000)
  })
})
