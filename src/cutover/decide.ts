/**
 * Which keys are within a share. The low 56 bits of a mixed key are compared with a threshold, as consistent probability sampling of OpenTelemetry
 * does: whoever is within a share is within every larger one, so that going forward and back never reshuffles.
 */

/** A 64-bit number as two unsigned words. */
export interface Word64 {
  hi: number
  lo: number
}

/** Any number would do; it must stay the same for as long as anybody compares shares. */
const salt: Readonly<Word64> = { hi: 0x6f746c70, lo: 0x62726467 }

/** a = a × b modulo 2^64. */
function multiply(a: Word64, bHi: number, bLo: number): void {
  const [a0, a1] = [a.lo & 0xffff, a.lo >>> 16]
  const [b0, b1] = [bLo & 0xffff, bLo >>> 16]
  const low = a0 * b0
  const middle = a1 * b0 + (low >>> 16)
  const cross = a0 * b1 + (middle & 0xffff)
  const carried = a1 * b1 + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)
  a.hi = (carried + Math.imul(a.lo, bHi) + Math.imul(a.hi, bLo)) >>> 0
  a.lo = (((cross & 0xffff) << 16) | (low & 0xffff)) >>> 0
}

/** a ^= a >>> 33 */
function fold(a: Word64): void {
  a.lo = (a.lo ^ (a.hi >>> 1)) >>> 0
}

/** The finaliser of MurmurHash3 for 64 bits, in place. */
export function fmix64(a: Word64): void {
  fold(a)
  multiply(a, 0xff51afd7, 0xed558ccd)
  fold(a)
  multiply(a, 0xc4ceb9fe, 0x1a85ec53)
  fold(a)
}

const mask64 = (1n << 64n) - 1n
const primes = [0x9e3779b185ebca87n, 0xc2b2ae3d27d4eb4fn, 0x165667b19e3779f9n, 0x85ebca77c2b2ae63n, 0x27d4eb2f165667c5n] as const
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (64n - by))) & mask64

/** XXH64 with seed 0. Keys are hashed once each: see {@link createShare}. */
export function xxh64(bytes: Uint8Array): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [p1, p2, p3, p4, p5] = primes
  const round = (acc: bigint, lane: bigint): bigint => (rotate((acc + lane * p2) & mask64, 31n) * p1) & mask64
  const merge = (hash: bigint, acc: bigint): bigint => ((hash ^ round(0n, acc)) * p1 + p4) & mask64
  let at = 0
  let hash: bigint
  if (bytes.length >= 32) {
    const acc = [(p1 + p2) & mask64, p2, 0n, (mask64 + 1n - p1) & mask64]
    for (; at + 32 <= bytes.length; at += 32)
      for (let lane = 0; lane < 4; lane++) acc[lane] = round(acc[lane] as bigint, view.getBigUint64(at + 8 * lane, true))
    const [a, b, c, d] = acc as [bigint, bigint, bigint, bigint]
    hash = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & mask64
    for (const one of acc) hash = merge(hash, one)
  } else hash = p5
  hash = (hash + BigInt(bytes.length)) & mask64
  for (; at + 8 <= bytes.length; at += 8) hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4) & mask64
  if (at + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(at, true)) * p1) & mask64), 23n) * p2 + p3) & mask64
    at += 4
  }
  for (; at < bytes.length; at++) hash = (rotate(hash ^ ((BigInt(bytes[at] as number) * p5) & mask64), 11n) * p1) & mask64
  hash = ((hash ^ (hash >> 33n)) * p2) & mask64
  hash = ((hash ^ (hash >> 29n)) * p3) & mask64
  return hash ^ (hash >> 32n)
}

/** Keys remembered with their hashes; beyond it the memory begins anew. */
const remembered = 20_000

/** Says who is within a share. */
export interface Share {
  trace(hi: number, lo: number): boolean
  text(key: string): boolean
}

/** @param share 0 to 1 @param traces `raw`: the low 56 bits of the trace id as they are */
export function createShare(share: number, traces: 'mixed' | 'raw' = 'mixed'): Share {
  // 1 − share in units of 2^-56, as two words; powers of two lose nothing.
  const above = (1 - share) * 2 ** 24
  let thresholdHi = Math.floor(above)
  let thresholdLo = Math.round((above - thresholdHi) * 2 ** 32)
  if (thresholdLo === 2 ** 32) {
    thresholdHi++
    thresholdLo = 0
  }
  const within = (hi: number, lo: number): boolean => {
    const high = hi & 0xffffff
    return high > thresholdHi || (high === thresholdHi && lo >= thresholdLo)
  }
  const word: Word64 = { hi: 0, lo: 0 }
  const known = new Map<string, boolean>()
  const hash = (key: string): boolean => {
    const x = xxh64(Buffer.from(key))
    return within(Number(x >> 32n), Number(x & 0xffffffffn))
  }
  return {
    trace(hi, lo) {
      if (traces === 'raw') return within(hi, lo)
      word.hi = (hi ^ salt.hi) >>> 0
      word.lo = (lo ^ salt.lo) >>> 0
      fmix64(word)
      return within(word.hi, word.lo)
    },
    text(key) {
      let found = known.get(key)
      if (found === undefined) {
        if (known.size >= remembered) known.clear()
        known.set(key, (found = hash(key)))
      }
      return found
    },
  }
}
