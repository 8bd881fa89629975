/** Columns that grow: a longer copy, what is new being 0. */

export function ints(column: Int32Array, size: number): Int32Array<ArrayBuffer> {
  const larger = new Int32Array(size)
  larger.set(column)
  return larger
}

export function bytes(column: Uint8Array, size: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(size)
  larger.set(column)
  return larger
}

export function doubles(column: Float64Array, size: number): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(size)
  larger.set(column)
  return larger
}
