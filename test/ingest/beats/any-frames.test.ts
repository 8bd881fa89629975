import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { compressedFrame, dataFrame, jsonFrame, rawCompressedFrame, windowFrame } from '../../support/lumberjack.ts'
import { createFakeDeps, type FakeDeps, openBooks, queueFull } from '../support/fakes.ts'
import { createShared, linesOf, open } from './support.ts'

/** What a client may do next: frames as they should be, or nearly. */
type Step =
  | {
      readonly kind: 'window'
      readonly events: number
      readonly sent: number
      readonly compressed: number
      readonly version: 1 | 2
      readonly from: number
    }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'zlib'; readonly bytes: Uint8Array }
  | { readonly kind: 'empty' }

const windowStep = fc.record({
  kind: fc.constant('window' as const),
  events: fc.integer({ min: 1, max: 12 }),
  // Mostly as many as were announced.
  sent: fc.constantFrom(0, 0, 0, 0, 0, 0, -1, 1),
  compressed: fc.integer({ min: 0, max: 3 }),
  version: fc.constantFrom(1 as const, 2 as const),
  from: fc.constantFrom(1, 1, 0, 100, 2 ** 32 - 3),
})

const steps = fc.array(
  fc.oneof(
    { weight: 12, arbitrary: windowStep },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('zlib' as const), bytes: fc.uint8Array({ maxLength: 40 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('empty' as const) }) },
  ),
  { maxLength: 8 },
)

interface Planned {
  readonly ids: readonly string[]
  readonly last: number
}

/** The bytes of the steps, and the windows in them that are whole and come before anything that cannot be read. */
function streamOf(all: readonly Step[], name: string): { bytes: Buffer; windows: Planned[] } {
  const parts: Buffer[] = []
  const windows: Planned[] = []
  let good = true
  for (const [at, step] of all.entries()) {
    if (step.kind === 'empty') parts.push(windowFrame(0))
    else if (step.kind === 'bytes' || step.kind === 'zlib') {
      parts.push(step.kind === 'bytes' ? Buffer.from(step.bytes) : rawCompressedFrame(step.bytes))
      if (step.kind === 'zlib' || step.bytes.length > 0) good = false
    } else {
      const { version, events, sent, compressed, from } = step
      const sequences = Array.from({ length: events + sent }, (_, event) => (from + event) % 2 ** 32)
      const ids = sequences.map((_, event) => `${name}-${at}-${event}`)
      const frames = ids.map((id, event) =>
        version === 2 ? jsonFrame(sequences[event] as number, { message: id }) : dataFrame(sequences[event] as number, [['line', id]]),
      )
      // Cut into as many compressed frames as there are to be.
      const each = Math.max(1, Math.ceil(frames.length / Math.max(1, compressed)))
      const body: Buffer[] = []
      if (compressed === 0) body.push(...frames)
      else for (let i = 0; i < frames.length; i += each) body.push(compressedFrame(frames.slice(i, i + each), version))
      parts.push(windowFrame(events, version), ...body)
      if (good && sent >= 0) {
        // One event too many fails its own window only when it comes in the frame of the last one.
        const inLast = sent > 0 && compressed > 0 && (events % each !== 0 || compressed === 1)
        if (!inLast) windows.push({ ids: ids.slice(0, events), last: sequences[events - 1] as number })
      }
      if (sent !== 0) good = false
    }
  }
  return { bytes: Buffer.concat(parts), windows }
}

let books: FakeDeps | undefined
afterEach(() => {
  if (books !== undefined) expect(openBooks(books.metrics)).toEqual([])
})

describe('any list of frames, in any cuts', () => {
  it('never acknowledges an event that is not in the queue, and acknowledges each that is in a whole window', async () => {
    await fc.assert(
      fc.asyncProperty(
        steps,
        fc.array(fc.nat(), { maxLength: 30 }),
        fc.infiniteStream(fc.integer({ min: 0, max: 9 })),
        async (list, cuts, luck) => {
          const deps = (books = createFakeDeps())
          const shared = createShared(deps)
          const { wire, connection } = open(shared)
          const { bytes, windows } = streamOf(list, 'e')
          // The queue takes some and refuses others.
          const { put } = deps.intake
          const intake = deps.intake as { put: typeof put }
          let refusals = 0
          intake.put = async (batch) => {
            if (refusals < 2 && luck.next().value === 0) {
              refusals++
              throw queueFull()
            }
            return put(batch)
          }
          // What an ack says is true when it is written.
          const { write } = wire
          wire.write = (ack) => {
            write(ack)
            if (new DataView(ack.buffer).getUint32(2) === 0) return
            const stored = new Set(linesOf(deps).map((line) => (JSON.parse(line) as { message: string }).message))
            for (const { ids } of windows.slice(0, wire.finals.length)) for (const id of ids) expect(stored.has(id)).toBe(true)
          }
          const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
          for (const [at, from] of [0, ...places].entries()) {
            if (!wire.isPaused) connection.data(bytes.subarray(from, places[at] ?? bytes.length))
            else {
              while (wire.isPaused) await new Promise((resolve) => setTimeout(resolve, 5))
              connection.data(bytes.subarray(from, places[at] ?? bytes.length))
            }
          }
          connection.ended()
          for (let i = 0; i < 2000 && !wire.isEnded; i++) await new Promise((resolve) => setTimeout(resolve, 1))
          expect(wire.isEnded).toBe(true)
          const wanted = windows.map(({ last }) => last)
          // With the end of the input a window that the queue refuses is given up, and all behind it.
          const acknowledged = refusals === 0 ? wanted : wanted.slice(0, wire.acks.length)
          if (refusals === 0) expect(wire.finals).toEqual(acknowledged.filter((last) => last !== 0))
          const stored = linesOf(deps).map((line) => (JSON.parse(line) as { message: string }).message)
          const allIds = windows.flatMap(({ ids }) => ids)
          // In order, each once, whole windows.
          expect(stored).toEqual(allIds.slice(0, stored.length))
          if (refusals === 0) expect(stored).toEqual(allIds)
          connection.closed()
          expect(deps.metrics.total('otlp_bridge_beats_pending_windows')).toBe(0)
          expect(deps.metrics.total('otlp_bridge_beats_window_bytes')).toBe(0)
          expect(openBooks(deps.metrics)).toEqual([])
        },
      ),
      { numRuns: 150 },
    )
  }, 60_000)

  it('lives through bytes that are nothing', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }), fc.boolean(), async (pieces, opens) => {
        const deps = (books = createFakeDeps())
        const { wire, connection } = open(createShared(deps))
        if (opens) connection.data(windowFrame(3))
        for (const piece of pieces) connection.data(piece)
        connection.ended()
        for (let i = 0; i < 50 && !wire.isEnded; i++) await new Promise((resolve) => setImmediate(resolve))
        expect([wire.isEnded, linesOf(deps)]).toEqual([true, []])
      }),
      { numRuns: 300 },
    )
  })
})
