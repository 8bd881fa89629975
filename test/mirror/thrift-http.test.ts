import { createRequire } from 'node:module'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reframeDatagram } from '../../src/mirror/thrift-http.ts'

const require = createRequire(import.meta.url)

/** What of the official library's protocols is used here; it has no types of its own. */
interface Protocol {
  writeMessageBegin(name: string, type: number, sequence: number): void
  writeStructBegin(name: string): void
  writeFieldBegin(name: string, type: number, id: number): void
  writeFieldStop(): void
  writeMapBegin(key: number, value: number, size: number): void
  writeListBegin(type: number, size: number): void
  writeSetBegin(type: number, size: number): void
  writeBool(value: boolean): void
  writeByte(value: number): void
  writeI16(value: number): void
  writeI32(value: number): void
  writeI64(value: unknown): void
  writeDouble(value: number): void
  writeString(value: string | Buffer): void
  writeFieldEnd(): void
  writeStructEnd(): void
  flush(): void
}
type Transport = new (buffer: unknown, written: (bytes: Buffer) => void) => { flush(): void }
const { TBufferedTransport, TBinaryProtocol, TCompactProtocol } = require('thrift') as {
  TBufferedTransport: Transport
  TBinaryProtocol: new (transport: unknown) => Protocol
  TCompactProtocol: new (transport: unknown) => Protocol
}
const Int64 = require('node-int64') as new (bytes: Buffer) => unknown

type Value =
  | { readonly type: 2; readonly value: boolean }
  | { readonly type: 3 | 6 | 8 | 4; readonly value: number }
  | { readonly type: 10; readonly value: Buffer }
  | { readonly type: 11; readonly value: Buffer }
  | { readonly type: 12; readonly fields: readonly { readonly id: number; readonly value: Value }[] }
  | { readonly type: 14 | 15; readonly items: readonly Value[] }
  | { readonly type: 13; readonly entries: readonly (readonly [Value, Value])[] }

function write(to: Protocol, one: Value): unknown {
  switch (one.type) {
    case 2:
      return to.writeBool(one.value)
    case 3:
      return to.writeByte(one.value)
    case 6:
      return to.writeI16(one.value)
    case 8:
      return to.writeI32(one.value)
    case 4:
      return to.writeDouble(one.value)
    case 10:
      return to.writeI64(new Int64(one.value))
    case 11:
      return to.writeString(one.value)
    case 12:
      to.writeStructBegin('s')
      for (const { id, value } of one.fields) {
        to.writeFieldBegin('f', value.type, id)
        write(to, value)
        to.writeFieldEnd()
      }
      to.writeFieldStop()
      return to.writeStructEnd()
    case 14:
    case 15:
      if (one.type === 15) to.writeListBegin(one.items[0]?.type ?? 11, one.items.length)
      else to.writeSetBegin(one.items[0]?.type ?? 11, one.items.length)
      for (const item of one.items) write(to, item)
      return undefined
    case 13: {
      to.writeMapBegin(one.entries[0]?.[0].type ?? 0, one.entries[0]?.[1].type ?? 0, one.entries.length)
      for (const [key, value] of one.entries) {
        write(to, key)
        write(to, value)
      }
      return undefined
    }
  }
}

function bytesOf(kind: new (transport: unknown) => Protocol, act: (to: Protocol) => void): Buffer {
  let bytes = Buffer.alloc(0)
  const transport = new TBufferedTransport(undefined, (written) => (bytes = Buffer.concat([bytes, written])))
  const protocol = new kind(transport)
  act(protocol)
  transport.flush()
  return bytes
}

const call = (method: string, argument: Value) => (to: Protocol) => {
  to.writeMessageBegin(method, 4, 7)
  write(to, { type: 12, fields: [{ id: 1, value: argument }] })
}

const leaf: fc.Arbitrary<Value> = fc.oneof(
  fc.boolean().map((value): Value => ({ type: 2, value })),
  fc.integer({ min: -128, max: 127 }).map((value): Value => ({ type: 3, value })),
  fc.integer({ min: -32768, max: 32767 }).map((value): Value => ({ type: 6, value })),
  fc.integer().map((value): Value => ({ type: 8, value })),
  fc.double({ noNaN: true }).map((value): Value => ({ type: 4, value })),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((value): Value => ({ type: 10, value: Buffer.from(value) })),
  fc.uint8Array({ maxLength: 300 }).map((value): Value => ({ type: 11, value: Buffer.from(value) })),
)

const same = (items: readonly Value[]): Value[] => items.filter(({ type }) => type === items[0]?.type)

const { struct } = fc.letrec<{ value: Value; struct: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    leaf,
    tie('struct'),
    fc.array(tie('value'), { maxLength: 20 }).map((items): Value => ({ type: 15, items: same(items) })),
    fc.array(leaf, { maxLength: 20 }).map((items): Value => ({ type: 14, items: same(items) })),
    fc.array(leaf, { maxLength: 8 }).map((items): Value => ({ type: 13, entries: same(items).map((item) => [item, item] as const) })),
  ),
  struct: fc
    .array(fc.record({ id: fc.integer({ min: 1, max: 32767 }), value: tie('value') }), { maxLength: 6 })
    .map((fields): Value => ({ type: 12, fields: [...new Map(fields.map((one) => [one.id, one])).values()].sort((a, b) => a.id - b.id) })),
}))

describe('reframeDatagram', () => {
  it('writes what the official library would write', () => {
    fc.assert(
      fc.property(struct, (batch) => {
        const expected = bytesOf(TBinaryProtocol, (to) => write(to, batch))
        for (const kind of [TCompactProtocol, TBinaryProtocol]) {
          const { method, body } = reframeDatagram(bytesOf(kind, call('emitBatch', batch)))
          expect(method).toBe('emitBatch')
          expect(Buffer.from(body).equals(expected)).toBe(true)
        }
      }),
      { numRuns: 300 },
    )
  })

  it('throws one of two errors for anything else, and never reads beyond the end', () => {
    const whole = bytesOf(TCompactProtocol, call('emitBatch', { type: 12, fields: [{ id: 1, value: { type: 15, items: [] } }] }))
    const codes = new Set<unknown>()
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat({ max: whole.length - 1 }), (noise, cut) => {
        for (const bytes of [noise, Buffer.concat([whole.subarray(0, cut), noise])]) {
          try {
            reframeDatagram(bytes)
          } catch (error) {
            codes.add((error as { code?: unknown }).code)
          }
        }
      }),
      { numRuns: 500 },
    )
    expect([...codes].filter((code) => code !== 'OB_DECODE_THRIFT' && code !== 'OB_LIMIT_DEPTH')).toEqual([])
  })

  it('refuses nesting that no client writes', () => {
    let deep: Value = { type: 12, fields: [] }
    for (let at = 0; at < 40; at++) deep = { type: 12, fields: [{ id: 1, value: deep }] }
    expect(() => reframeDatagram(bytesOf(TCompactProtocol, call('emitBatch', deep)))).toThrow(/nested too deep/)
  })
})
