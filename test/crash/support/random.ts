/** A repeatable source of numbers 0 ≤ x < 1, so that a failure can be looked at again. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    // The low bits of this generator repeat soon; the mixing hides that.
    const mixed = Math.imul(state ^ (state >>> 15), 0x2c1b3c6d)
    return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32
  }
}

/** The seed of a run: `OTLP_BRIDGE_CRASH_SEED`, or another one each time. To be printed. */
export function runSeed(): number {
  return Number(process.env['OTLP_BRIDGE_CRASH_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
}
