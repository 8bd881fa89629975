/** The JSON decoder beside JSON.parse: random spans, and damaged bodies. */

import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../../src/errors.ts'
import { defaultDecodeLimits } from '../../../src/ingest/limits.ts'
import { createZipkinJsonDecoder } from '../../../src/ingest/zipkin/decode-json.ts'
import { createKeyTable } from '../../../src/otlp/keys.ts'
import { createZipkinRoles } from '../../../src/translate/zipkin/keys.ts'
import { vectorFiles } from '../../support/shared.ts'
import { plainModel } from '../../support/zipkin.ts'

const decoder = createZipkinJsonDecoder(
  createKeyTable(createZipkinRoles()),
  createKeyTable(() => 0),
  defaultDecodeLimits,
)

const plain = (text: string): object[] => decoder(new TextEncoder().encode(text), { version: 2, detect: false }).spans.map(plainModel)

const codeOf = (work: () => unknown): string => {
  try {
    work()
    return 'no error'
  } catch (error) {
    return error instanceof BridgeError ? error.code : `not a BridgeError: ${String(error)}`
  }
}

/** What the decoder must make of a v2 span, by way of JSON.parse. */
function reference(span: Record<string, unknown>): object {
  const hex = (value: unknown, digits: number): string => String(value).toLowerCase().padStart(digits, '0')
  const micros = (value: unknown): bigint => (typeof value === 'number' && value > 0 ? BigInt(Math.trunc(value)) : 0n)
  const endpoint = (value: unknown): unknown => {
    if (value === undefined || value === null) return undefined
    const { serviceName = '', ipv4 = '', ipv6 = '', port = 0 } = value as Record<string, unknown>
    return { serviceName, ipv4, ipv6, port }
  }
  const tag = ([key, value]: [string, unknown]): string[] => {
    if (typeof value === 'boolean') return [key, 'Bool', String(value)]
    if (typeof value === 'number') {
      const isInt = Number.isInteger(value) && Math.abs(value) < 2 ** 63
      return [key, isInt ? 'Int' : 'Double', isInt ? BigInt(String(value)).toString() : String(value)]
    }
    return [key, 'String', typeof value === 'string' ? value.toWellFormed() : JSON.stringify(value)]
  }
  const annotations = (span['annotations'] ?? []) as { timestamp?: number; value?: string }[]
  return {
    version: 2,
    traceId: hex(span['traceId'], 32),
    id: hex(span['id'], 16),
    parentId: hex(span['parentId'] ?? '', 16),
    name: String(span['name'] ?? '').toWellFormed(),
    kind: { CLIENT: 3, SERVER: 2, PRODUCER: 4, CONSUMER: 5 }[String(span['kind'])] ?? 0,
    kindWord: '',
    timestamp: micros(span['timestamp']),
    duration: micros(span['duration']),
    localEndpoint: endpoint(span['localEndpoint']),
    remoteEndpoint: endpoint(span['remoteEndpoint']),
    annotations: annotations
      .filter(({ value }) => (value ?? '') !== '')
      .map(({ timestamp, value }) => [micros(timestamp), String(value).toWellFormed(), undefined]),
    tags: (Array.isArray(span['tagList']) ? span['tagList'] : []).filter(([, value]) => value !== null).map(tag),
    debug: span['debug'] === true,
    shared: span['shared'] === true,
  }
}

const hexId = (digits: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength: 1, maxLength: digits }).filter((id) => /[^0]/.test(id))
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 12 }),
  fc.constantFrom('', '"', '\\', '\ud800', '\u0000'),
)
const ascii = fc.string({ maxLength: 12 })
const endpoint = fc.record({ serviceName: ascii, ipv4: ascii, ipv6: ascii, port: fc.nat(65535) }, { requiredKeys: [] })
const micros = fc.oneof(
  fc.nat(),
  fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  fc.constant(-1),
  fc.double({ min: 0, max: 1e15, noNaN: true }),
)
const tagValue = fc.oneof(
  { weight: 6, arbitrary: anyText },
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constant(null),
  fc.array(fc.integer()),
)
const v2Span = fc.record(
  {
    traceId: hexId(32),
    id: hexId(16),
    parentId: hexId(16),
    name: anyText,
    kind: fc.constantFrom('CLIENT', 'SERVER', 'PRODUCER', 'CONSUMER'),
    timestamp: micros,
    duration: micros,
    localEndpoint: endpoint,
    remoteEndpoint: fc.option(endpoint),
    annotations: fc.array(fc.record({ timestamp: micros, value: anyText }, { requiredKeys: [] }), { maxLength: 4 }),
    tagList: fc.array(fc.tuple(ascii, tagValue), { maxLength: 8 }),
    debug: fc.boolean(),
    shared: fc.boolean(),
    unknown: fc.jsonValue({ maxDepth: 3 }),
  },
  { requiredKeys: ['traceId', 'id'] },
)

/** JSON of a span; tags may repeat a key, which no JavaScript object can. */
function spanText(span: Record<string, unknown>, space: string, escaped: boolean): string {
  const { tagList, ...rest } = span
  const members = Object.entries(rest).map(([key, value]) => `${JSON.stringify(key)}:${space}${JSON.stringify(value, undefined, space)}`)
  if (Array.isArray(tagList)) {
    members.push(`"tags":${space}{${tagList.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(`,${space}`)}}`)
  }
  const text = `{${space}${members.join(`${space},`)}}`
  return escaped
    ? // Escapes that are there already stay as they are.
      text.replace(/\\u[0-9a-f]{4}|\\.|[^ -~]|[&<>a]/g, (one) =>
        one.startsWith('\\')
          ? one
          : [...Array(one.length).keys()].map((i) => `\\u${one.charCodeAt(i).toString(16).padStart(4, '0')}`).join(''),
      )
    : text
}

describe('the JSON decoder beside JSON.parse', () => {
  it('reads the same from any spans', () => {
    fc.assert(
      fc.property(fc.array(v2Span, { maxLength: 4 }), fc.constantFrom('', ' ', '\n\t'), (spans, space) => {
        const text = `[${spans.map((span) => spanText(span, space, false)).join(',')}]`
        expect(JSON.parse(text)).toHaveLength(spans.length)
        expect(plain(text)).toEqual(spans.map(reference))
      }),
      { numRuns: 300 },
    )
  })

  it.each([
    ['a backslash, then an escaped quote', ['\\', '"']],
    ['an escaped backslash before a letter, then that escape', ['a\\n', 'a\n']],
    ['what looks like a key and a value, then an empty key', ['":"', '']],
  ])('does not take one key for the one expected in its place: %s', (_, names) => {
    const spans = names.map((name, at) => ({ traceId: '1', id: String(at + 1), tags: { [name]: '' } }))
    const read = plain(JSON.stringify(spans)) as { tags: string[][] }[]
    expect(read.map((span) => span.tags[0]?.[0])).toEqual(names)
  })

  it('reads the same whether characters are escaped or not', () => {
    fc.assert(
      fc.property(fc.array(v2Span, { maxLength: 3 }), (spans) => {
        const plainText = `[${spans.map((span) => spanText(span, '', false)).join(',')}]`
        // An escape is only an escape inside a string: `a` occurs in true, false and null nowhere but in false.
        const escaped = `[${spans.map((span) => spanText(span, '', true).replaceAll('f\\u0061lse', 'false')).join(',')}]`
        expect(JSON.parse(escaped)).toEqual(JSON.parse(plainText))
        const withoutRaw = (text: string): object[] =>
          plain(text).map((span) => ({
            ...span,
            tags: (span as { tags: string[][] }).tags.filter(([, , value]) => !value?.startsWith('[')),
          }))
        expect(withoutRaw(escaped)).toEqual(withoutRaw(plainText))
      }),
      { numRuns: 200 },
    )
  })

  const bodies = vectorFiles('zipkin')
    .filter((file) => /\/(real|syn)_[^.]*\.json$/.test(file))
    .map((file) => readFileSync(file))

  it.skipIf(bodies.length === 0)('fails on damaged bodies with an error of ours, or reads them, and gives what JSON.parse takes', () => {
    const edit = fc.record({ at: fc.nat(), byte: fc.oneof(fc.constantFrom(...'{}[]",:\\0-9 tfn'), fc.constant('')), drop: fc.nat(3) })
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.array(edit, { minLength: 1, maxLength: 3 }),
        fc.constantFrom(1, 2),
        (body, edits, version) => {
          let bytes = Buffer.from(body)
          for (const { at, byte, drop } of edits) {
            const place = at % bytes.length
            bytes = Buffer.concat([bytes.subarray(0, place), Buffer.from(byte), bytes.subarray(place + drop)])
          }
          let valid = true
          try {
            valid = Array.isArray(JSON.parse(bytes.toString())) || bytes.length === 0
          } catch {
            valid = false
          }
          const code = codeOf(() => decoder(bytes, { version: version as 1 | 2, detect: true }))
          if (valid) expect(code).toBe('no error')
          else expect(['OB_DECODE_JSON', 'OB_LIMIT_DEPTH', 'no error']).toContain(code)
        },
      ),
      { numRuns: 1500 },
    )
  })
})
