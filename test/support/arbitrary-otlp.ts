/** Random OTLP requests of every signal in OTLP/JSON's form, as it is written: no defaults, one member of a oneof. */

import fc from 'fast-check'
import type { Signal } from '../../src/otlp/intake.ts'
import { allMessages, type Field, Kind, type Message, requestOf } from '../../src/otlp/messages.ts'
import type { Plain } from './official-otlp.ts'

const two64 = 2n ** 64n
const two63 = 2n ** 63n

const uint64 = fc.oneof(fc.bigInt({ min: 1n, max: two64 - 1n }), fc.bigInt({ min: 1n, max: 3000n }), fc.constant(two64 - 1n)).map(String)
const anyInt64 = fc.oneof(fc.bigInt({ min: -two63, max: two63 - 1n }), fc.constantFrom(-two63, two63 - 1n, -1n, 0n)).map(String)
const zeroUint64 = fc.oneof(uint64, fc.constant('0'))
const uint32 = fc.integer({ min: 1, max: 0xffffffff })
const double = fc.oneof(fc.double({ noNaN: true }), fc.integer(), fc.constantFrom(0.1, 1e21, 1.5e-9, 123456.789)).map((value) => {
  if (value === 0) return 0
  return Number.isFinite(value) ? value : String(value)
})
const anyDouble = fc.oneof(double, fc.constant('NaN'))
const text = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 20 }).map((one) => one.toWellFormed()),
  fc.string({ minLength: 120, maxLength: 300 }),
)
const someText = text.filter((one) => one !== '')
const id = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((raw) => Buffer.from(raw).toString('hex'))
const base64 = (min: number) => fc.uint8Array({ minLength: min, maxLength: 40 }).map((raw) => Buffer.from(raw).toString('base64'))

/** A value of a scalar field; its default only where that counts as a value. */
function scalar({ kind, presence, repeated, names }: Field): fc.Arbitrary<unknown> {
  const any = presence || repeated
  switch (kind) {
    case Kind.String:
      return any ? text : someText
    case Kind.Bool:
      return any ? fc.boolean() : fc.constant(true)
    case Kind.Bytes:
      return base64(any ? 0 : 1)
    case Kind.TraceId:
      return id(16)
    case Kind.SpanId:
      return id(8)
    case Kind.Double:
      return any ? anyDouble : anyDouble.filter((value) => value !== 0)
    case Kind.Fixed64:
    case Kind.Uint64:
      return any ? zeroUint64 : uint64
    case Kind.Sfixed64:
    case Kind.Int64:
      return anyInt64
    case Kind.Sint32:
      return fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.integer({ min: -300, max: 300 })).filter((value) => value !== 0)
    case Kind.Enum:
      return fc.integer({ min: 1, max: (names?.size ?? 2) - 1 })
    default:
      return uint32
  }
}

const arbitraries = fc.letrec<Record<string, Plain>>((tie) => {
  const fieldValue = (field: Field): fc.Arbitrary<unknown> => {
    const one = field.message === undefined ? scalar(field) : tie(field.message.name)
    return field.repeated ? fc.array(one, { minLength: 1, maxLength: 3 }) : one
  }
  const plainOf = ({ fields, name }: Message): fc.Arbitrary<Plain> => {
    const single = fields.filter((field) => !field.oneof)
    const base = fc.record(Object.fromEntries(single.map((field) => [field.name, fieldValue(field)])), { requiredKeys: [] })
    const members = fields.filter((field) => field.oneof)
    if (members.length === 0) return base as fc.Arbitrary<Plain>
    const nested = (field: Field): boolean => field.message !== undefined && name === 'AnyValue'
    const flat = members.filter((field) => !nested(field)).map((field) => fieldValue(field).map((value) => ({ [field.name]: value })))
    const deep = members.filter(nested).map((field) => fieldValue(field).map((value) => ({ [field.name]: value })))
    const member = fc.oneof({ depthSize: 'small', maxDepth: 4 }, fc.constant({}), ...flat, ...deep)
    return fc.tuple(base, member).map(([own, chosen]) => ({ ...own, ...chosen }))
  }
  return Object.fromEntries(allMessages().map((message) => [message.name, plainOf(message)]))
})

/** A random request of a signal. */
export function arbitraryRequest(signal: Signal): fc.Arbitrary<Plain> {
  return arbitraries[requestOf(signal).name] as fc.Arbitrary<Plain>
}

/** What a request's JSON may look like beside the plainest: the same request, whatever the seed. */
export function respell(value: unknown, message: Message, random: () => number): string {
  const space = (): string => [' ', '\n', '\t', '', '', '', '', ''][Math.floor(random() * 8)] ?? ''
  const coin = (): boolean => random() < 0.5
  const quoted = (one: string): string => (random() < 0.2 ? `"${[...one].map((char) => escapeOf(char)).join('')}"` : JSON.stringify(one))
  const scalarText = (field: Field, one: unknown): string => {
    const plain = String(one)
    switch (field.kind) {
      case Kind.Fixed64:
      case Kind.Uint64:
      case Kind.Sfixed64:
      case Kind.Int64:
        return coin() ? plain : random() < 0.1 && plain !== '0' ? `${plain}0e-1` : `"${plain}"`
      case Kind.Uint32:
      case Kind.Sint32:
      case Kind.Fixed32:
        return coin() ? plain : `"${plain}"`
      case Kind.Double:
        return typeof one === 'string' ? `"${one}"` : coin() ? plain : `"${plain}"`
      case Kind.Enum:
        return coin() ? plain : JSON.stringify([...(field.names ?? [])].find(([, number]) => number === one)?.[0] ?? one)
      case Kind.Bool:
        return plain
      case Kind.TraceId:
      case Kind.SpanId:
        return `"${coin() ? plain : plain.toUpperCase()}"`
      case Kind.Bytes:
        return coin() ? quoted(plain) : quoted(plain.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', ''))
      default:
        return quoted(plain)
    }
  }
  const one = (field: Field, inner: unknown): string =>
    field.message === undefined ? scalarText(field, inner) : respell(inner, field.message, random)
  const members: string[] = []
  for (const [name, inner] of Object.entries(value as Plain)) {
    const field = message.fields.find((known) => known.name === name)
    if (field === undefined) throw new Error(`no field ${name}`)
    const spelled = Array.isArray(inner) ? `[${inner.map((part) => space() + one(field, part) + space()).join(',')}]` : one(field, inner)
    members.push(`${space()}${quoted(coin() ? name : field.protoName)}${space()}:${space()}${spelled}${space()}`)
    if (random() < 0.1) members.push('"unknownField":{"a":[1,{"b":null},"\\"]"],"c":-1.5e+3,"d":true}')
  }
  const absent = message.fields.find((field) => !(field.name in (value as Plain)))
  if (absent !== undefined && random() < 0.1) members.push(`"${absent.name}":null`)
  return `{${members.join(',')}}`
}

const escapeOf = (char: string): string =>
  char.length === 1 || char.length === 2
    ? [...Array(char.length).keys()].map((at) => `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`).join('')
    : char
