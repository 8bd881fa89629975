/** Damages real payloads in the ways that find faults in decoders. */

import fc from 'fast-check'

type Change = (bytes: Uint8Array) => Uint8Array

/** Bytes that mean something to a length, a count, a type or a bracket. */
const telling = [
  0x00, 0x01, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x19, 0x1c, 0x22, 0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f, 0x80, 0x81, 0xc3, 0xf0, 0xff,
]

const at = (place: number, bytes: Uint8Array): number => Math.floor(place * bytes.length)
/** From 0 up to, not including, 1. Not `fc.double`: most doubles are next to 0, so that everything would happen to the first byte. */
const place = fc.nat(2 ** 30 - 1).map((value) => value / 2 ** 30)
const byte = fc.oneof(fc.constantFrom(...telling), fc.integer({ min: 0, max: 255 }))

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(place, byte).map(
    ([where, value]): Change =>
      (bytes) => {
        const copy = bytes.slice()
        if (copy.length > 0) copy[at(where, copy)] = value
        return copy
      },
  ),
  fc.tuple(place, fc.integer({ min: 0, max: 7 })).map(
    ([where, bit]): Change =>
      (bytes) => {
        const copy = bytes.slice()
        const i = at(where, copy)
        if (copy.length > 0) copy[i] = (copy[i] as number) ^ (1 << bit)
        return copy
      },
  ),
  place.map(
    (where): Change =>
      (bytes) =>
        bytes.slice(0, at(where, bytes)),
  ),
  fc.tuple(place, fc.array(byte, { minLength: 1, maxLength: 12 })).map(
    ([where, more]): Change =>
      (bytes) =>
        Uint8Array.from([...bytes.subarray(0, at(where, bytes)), ...more, ...bytes.subarray(at(where, bytes))]),
  ),
  fc.tuple(place, fc.integer({ min: 1, max: 40 })).map(
    ([where, count]): Change =>
      (bytes) =>
        Uint8Array.from([...bytes.subarray(0, at(where, bytes)), ...bytes.subarray(at(where, bytes) + count)]),
  ),
  // a part of it twice: keys, fields, elements that repeat
  fc.tuple(place, fc.integer({ min: 1, max: 200 })).map(
    ([where, count]): Change =>
      (bytes) => {
        const from = at(where, bytes)
        return Uint8Array.from([...bytes.subarray(0, from + count), ...bytes.subarray(from)])
      },
  ),
)

/** One to six changes of one of the payloads. Starts from `payloads[i]`, so that a counterexample names its file. */
export function mutated(payloads: readonly Uint8Array[]): fc.Arbitrary<{ readonly index: number; readonly bytes: Uint8Array }> {
  return fc.tuple(fc.nat(payloads.length - 1), fc.array(change, { minLength: 1, maxLength: 6 })).map(([index, changes]) => ({
    index,
    bytes: changes.reduce((bytes, one) => one(bytes), payloads[index] as Uint8Array),
  }))
}
