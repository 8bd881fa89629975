/** Trace and span ids as int32 words: from and to hex. */

const hexOfWord = (word: number): string => (word >>> 0).toString(16).padStart(8, '0')

/** 32 lower-case hex digits of a trace id. */
export function traceIdToHex(w0: number, w1: number, w2: number, w3: number): string {
  return hexOfWord(w0) + hexOfWord(w1) + hexOfWord(w2) + hexOfWord(w3)
}

/** 16 lower-case hex digits of a span id. */
export function spanIdToHex(w0: number, w1: number): string {
  return hexOfWord(w0) + hexOfWord(w1)
}

/** Value of each hex digit by its byte, upper and lower case; −1 for every other byte. */
export const hexDigits: Int8Array = (() => {
  const table = new Int8Array(256).fill(-1)
  for (let i = 0; i < 10; i++) table[0x30 + i] = i
  for (let i = 0; i < 6; i++) {
    table[0x41 + i] = 10 + i
    table[0x61 + i] = 10 + i
  }
  return table
})()

/**
 * Words of a hex id, left-padded with zeros: bytes `start` to `end` of `source`, at most 8 × `out.length` digits, either case.
 * False when empty, too long or not hex; `out` is then unspecified.
 */
export function hexToWords(source: Uint8Array, start: number, end: number, out: Int32Array): boolean {
  const count = out.length
  if (end === start || end - start > count * 8) return false
  let at = end
  let seen = 0
  for (let word = count - 1; word >= 0; word--) {
    let value = 0
    for (let shift = 0; shift < 32 && at > start; shift += 4) {
      const digit = hexDigits[source[--at] as number] as number
      seen |= digit
      value |= digit << shift
    }
    out[word] = value
  }
  return seen >= 0
}
