/** A few bytes of protobuf now and then: statuses and descriptors, away from any hot path. */

/** @param value 0 ≤ value < 2^31 */
export function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = value
  for (; rest > 0x7f; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  return [...bytes, rest]
}

/** A field of bytes, text or a message. */
export function lengthField(id: number, value: Uint8Array | string): Uint8Array {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value
  return Buffer.concat([Uint8Array.from([...varint((id << 3) | 2), ...varint(bytes.length)]), bytes])
}

/** A field of a small number, enum or boolean. */
export function numberField(id: number, value: number): Uint8Array {
  return Uint8Array.from([...varint(id << 3), ...varint(value)])
}
