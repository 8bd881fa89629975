/**
 * Many short byte strings outside the heap of the engine: in chunks, one after the other, each at a multiple of 8 bytes. What was written is never
 * written over: a view that somebody holds stays right for as long as it is held, whatever is let go of, moved or added meanwhile.
 *
 * What is let go of leaves a hole. When holes are a quarter of the memory, the owner is asked to move what is left out of the chunks with the most
 * of them; those chunks then go as a whole, and their memory returns when nobody views it any more. So the memory is at most some 4/3 of what is
 * in use and a few chunks (of strings near the limit: 2 times), whatever sizes come and go; free lists by size would have no such bound.
 */

/** Bytes of a chunk. */
export const chunkBytes = 262_144

/** The longest string: a quarter of a chunk. */
export const maxEntryBytes = 65_536

const unitsPerChunk = chunkBytes / 8
const unitBits = 15
const unitMask = unitsPerChunk - 1

/** One cleaning moves at most this share of the memory, so that it takes some milliseconds. */
const cleanedShare = 1 / 16

/** Chunks whose numbers fit into an int32 with a place inside: 16 GiB. */
const maxChunks = 65_536

/** Bytes of the arena, to be read. They stay what they are; whoever keeps the view keeps the chunk. */
export interface Place {
  view: DataView
  start: number
  end: number
}

/** Gives the new place of an entry; the old one where it need not move. */
export type Move = (place: number, bytes: number) => number

export interface Arena {
  /** Bytes in use, each entry rounded up to 8. */
  readonly usedBytes: number
  /** Bytes of all chunks. */
  readonly heldBytes: number
  /** True when enough is let go of for a cleaning to be worth its time. */
  readonly isDirty: boolean
  /** Keeps a copy of 1 to 65,536 bytes. Returns its place, from 0 to 2^31 − 1; -1 when there is no chunk left. */
  add(bytes: Uint8Array, start: number, end: number): number
  /** Lets go of an entry. */
  free(place: number, bytes: number): void
  at(place: number, bytes: number, out: Place): void
  /** True when an entry of the same length is the same bytes. */
  equals(place: number, bytes: Uint8Array, start: number, end: number): boolean
  /** Empties the chunks with the most holes. @param relocate calls the function it is given for each entry there is, and notes its new place */
  clean(relocate: (move: Move) => void): void
}

/** Bytes that an entry takes. */
export const roundedBytes = (bytes: number): number => (bytes + 7) & ~7

interface Chunk {
  readonly bytes: Uint8Array
  readonly words: Int32Array
  readonly view: DataView
  /** Units, of 8 bytes, let go of. */
  holes: number
  /** Units written, holes included. */
  written: number
  /** Set while it is being emptied. */
  leaving: boolean
}

function createChunk(): Chunk {
  const memory = new ArrayBuffer(chunkBytes)
  return { bytes: new Uint8Array(memory), words: new Int32Array(memory), view: new DataView(memory), holes: 0, written: 0, leaving: false }
}

/** Creates an empty arena; it takes its first chunk with the first entry. */
export function createArena(): Arena {
  const chunks: (Chunk | undefined)[] = []
  const freeNumbers: number[] = []
  let current: Chunk | undefined
  let currentBase = 0
  let held = 0
  let used = 0
  let holes = 0

  const chunkOf = (place: number): Chunk => chunks[place >>> unitBits] as Chunk

  const drop = (number: number): void => {
    holes -= (chunks[number] as Chunk).holes
    chunks[number] = undefined
    freeNumbers.push(number)
    held--
  }

  /** Place of so many units, in the current chunk or a new one; -1: there is none. */
  const take = (units: number): number => {
    if (current === undefined || current.written + units > unitsPerChunk) {
      const number = freeNumbers.pop() ?? chunks.length
      if (number >= maxChunks) return -1
      const emptied = current !== undefined && current.holes === current.written ? currentBase >>> unitBits : -1
      current = createChunk()
      chunks[number] = current
      currentBase = number << unitBits
      held++
      if (emptied >= 0) drop(emptied)
    }
    const place = currentBase + current.written
    current.written += units
    used += units
    return place
  }

  const free = (place: number, bytes: number): void => {
    const chunk = chunkOf(place)
    const units = (bytes + 7) >>> 3
    chunk.holes += units
    holes += units
    used -= units
    if (chunk.holes === chunk.written && chunk !== current) drop(place >>> unitBits)
  }

  /** Marks the chunks that are emptied next: those with the most holes first, until enough has to be moved. */
  const choose = (): number => {
    const candidates: number[] = []
    for (let number = 0; number < chunks.length; number++) {
      const chunk = chunks[number]
      if (chunk !== undefined && chunk !== current && chunk.holes > 0) candidates.push(number)
    }
    candidates.sort((left, right) => (chunks[right] as Chunk).holes - (chunks[left] as Chunk).holes)
    let room = Math.max(2 * unitsPerChunk, held * unitsPerChunk * cleanedShare)
    let chosen = 0
    for (const number of candidates) {
      const chunk = chunks[number] as Chunk
      room -= chunk.written - chunk.holes
      if (room < 0 && chosen > 0) break
      chunk.leaving = true
      chosen++
    }
    return chosen
  }

  const move: Move = (place, bytes) => {
    const from = chunkOf(place)
    if (!from.leaving) return place
    const units = (bytes + 7) >>> 3
    const to = take(units)
    if (to < 0) return place
    const target = (current as Chunk).words
    const source = from.words
    let write = (to & unitMask) * 2
    const start = (place & unitMask) * 2
    for (let read = start; read < start + units * 2; read++) target[write++] = source[read] as number
    from.holes += units
    holes += units
    used -= units
    return to
  }

  return {
    get usedBytes() {
      return used * 8
    },
    get heldBytes() {
      return held * chunkBytes
    },
    get isDirty() {
      return holes >= 2 * unitsPerChunk && holes * 4 >= held * unitsPerChunk
    },
    add(bytes, start, end) {
      const place = take((end - start + 7) >>> 3)
      if (place >= 0) (current as Chunk).bytes.set(bytes.subarray(start, end), (place & unitMask) * 8)
      return place
    },
    free,
    at(place, bytes, out) {
      const start = (place & unitMask) * 8
      out.view = chunkOf(place).view
      out.start = start
      out.end = start + bytes
    },
    equals(place, bytes, start, end) {
      const own = chunkOf(place).bytes
      const first = (place & unitMask) * 8 - start
      for (let at = start; at < end; at++) if (own[first + at] !== bytes[at]) return false
      return true
    },
    clean(relocate) {
      if (choose() === 0) return
      relocate(move)
      for (let number = 0; number < chunks.length; number++) {
        const chunk = chunks[number]
        if (chunk?.leaving !== true) continue
        chunk.leaving = false
        if (chunk.holes === chunk.written) drop(number)
      }
    },
  }
}
