/**
 * Bytes of a connection become windows: frames are read, compressed ones inflated, events gathered. It reads as long as it may, and waits where
 * inflating or the store of a large window takes its time.
 */

import type { DocumentPart } from '../documents.ts'
import type { Duplicates } from '../duplicates.ts'
import { beatNameOf } from './beat-name.ts'
import type { BeatsCounters } from './counters.ts'
import { FrameDecoder, FrameFault, FrameKind, type FrameLimits } from './decode-frames.ts'
import { type Gatherer, pieceBytes } from './gather.ts'
import { type InflateLimits, type Inflating, inflateSmall, smallBytes, startInflating } from './inflate.ts'
import type { OldWindow } from './old-side.ts'
import { Piece, type PieceMemory } from './piece.ts'
import { spillBytes } from './store.ts'
import { Window } from './window.ts'

export interface ReaderDeps {
  readonly frames: FrameLimits
  readonly inflate: InflateLimits
  readonly gatherer: Gatherer
  readonly memory: PieceMemory
  readonly duplicates: Duplicates
  readonly counters: BeatsCounters
  readonly monotonicMs: () => number
}

export interface ReaderHooks {
  /** Whether to read on now. When not, `go` is to be called later. */
  mayRead(): boolean
  begun(window: Window): void
  /** What the next window has to do with an old side; undefined: nothing. */
  old?: (() => OldWindow | undefined) | undefined
  /** Shows a piece to whoever looks, before its parts go on. */
  show?: ((window: Window, piece: Piece, parts: readonly DocumentPart[]) => void) | undefined
  /** All events of the window are here. */
  whole(window: Window): void
  /** Windows of no event came: one answer is due for all of them. */
  empty(version: number): void
  /** The open window takes too much memory: what has gathered is to be stored elsewhere. What it rejects with ends the connection. */
  spill(window: Window): Promise<void>
  /** The reader stands still: everything is read, or it may not read on. */
  rested(): void
  /** The memory that it holds has changed. */
  held(bytes: number): void
  /** The stream cannot be read any further. */
  failed(error: unknown): void
}

export interface Reader {
  /** Takes bytes; they are its own from now on. */
  give(bytes: Uint8Array): void
  /** Reads what there is, as long as it may. Never throws. */
  go(): void
  /** Bytes given and not looked at. */
  readonly queued: number
  /** It is reading, or waits for something that is not the client. */
  readonly busy: boolean
  /** Neither a window nor a frame has begun. */
  readonly between: boolean
  readonly open: Window | undefined
  /** Version of what has begun and is not read to its end; 0 when nothing has. */
  readonly version: number
  /** Reads nothing any more; the open window is forgotten. */
  close(): void
}

/** Creates the reader of a connection. @param members what its events get in addition, see {@link Piece} */
export function createReader(deps: ReaderDeps, members: Uint8Array, hooks: ReaderHooks): Reader {
  const { counters, gatherer } = deps
  const outer = new FrameDecoder(deps.frames)
  let inner: FrameDecoder | undefined
  const queue: Uint8Array[] = []
  let queued = 0
  let open: Window | undefined
  let reading = false
  let closed = false
  /** Version of windows of no event that are not answered yet. */
  let empty = 0
  let inflating: Inflating | undefined
  let small: Uint8Array | undefined
  let smallLength = 0

  const tellHeld = (): void => hooks.held(queued + outer.heldBytes + (inner?.heldBytes ?? 0) + (small?.length ?? 0) + (open?.bytes ?? 0))

  const answerEmpty = (): void => {
    if (empty !== 0) hooks.empty(empty)
    empty = 0
  }

  const nextBytes = (): boolean => {
    answerEmpty()
    const bytes = queue.shift()
    if (bytes === undefined) return false
    queued -= bytes.length
    outer.give(bytes)
    return true
  }

  const beginWindow = (): void => {
    counters.frames.W.value++
    if (outer.count === 0) {
      empty = outer.version
      return
    }
    const piece = new Piece(deps.memory, members)
    open = new Window(outer.version, outer.count, deps.monotonicMs(), deps.duplicates.begin(), piece, hooks.old?.())
    outer.windowVersion = outer.version
    hooks.begun(open)
  }

  const translate = (window: Window): void => {
    const { piece } = window
    window.beat ??= beatNameOf(piece.bytes, piece.starts[0] ?? 0, piece.ends[0] ?? 0)
    const { show } = hooks
    gatherer.translate(piece, window.gathered, window.ids, show === undefined ? undefined : (parts) => show(window, piece, parts))
  }

  const complete = (window: Window): void => {
    if (window.piece.documents > 0) translate(window)
    open = undefined
    outer.windowVersion = 0
    counters.windows.value++
    if (window.beat !== undefined) counters.events(window.beat).value += window.count
    hooks.whole(window)
  }

  const take = (decoder: FrameDecoder, kind: number): Promise<void> | undefined => {
    if (open === undefined) throw new Error('BUG: an event outside of a window')
    const { bytes, start, end } = decoder
    if (!open.take(decoder.sequence)) counters.sequenceOdd.value++
    if (kind === FrameKind.Json) {
      counters.frames.J.value++
      open.piece.addJson(bytes, start, end)
      open.old?.events.addJson(bytes, start, end)
    } else {
      counters.frames.D.value++
      open.piece.addPairs(bytes, start, end)
      open.old?.events.addPairs(bytes, start, end)
    }
    if (open.isWhole) {
      decoder.windowVersion = 0
      // In a compressed frame there must be no more, and its checksum is still to come.
      if (decoder === outer) complete(open)
      return undefined
    }
    if (open.piece.length < pieceBytes) return undefined
    translate(open)
    return open.gathered.bytes + (open.old?.events.bytes ?? 0) < spillBytes ? undefined : hooks.spill(open)
  }

  const readInner = (decoder: FrameDecoder): Promise<void> | undefined => {
    while (!closed) {
      const kind = decoder.next()
      if (kind === FrameKind.More) return undefined
      const wait = take(decoder, kind)
      if (wait !== undefined) return wait.then(() => readInner(decoder))
    }
    return undefined
  }

  const takePlain = (bytes: Uint8Array): Promise<void> | undefined => {
    counters.inflatedBytes.value += bytes.length
    if (inner === undefined) throw new Error('BUG: nothing is being inflated')
    inner.give(bytes)
    return readInner(inner)
  }

  const beginCompressed = (): void => {
    counters.frames.C.value++
    inner ??= new FrameDecoder(deps.frames, true)
    inner.windowVersion = outer.windowVersion
    if (outer.count > smallBytes) inflating = startInflating(deps.inflate, takePlain)
    smallLength = 0
  }

  const takeCompressed = (): Promise<void> | undefined => {
    const { bytes, start, end } = outer
    const some = bytes.subarray(start, end)
    if (inflating !== undefined) return inflating.write(some)
    if (some.length === outer.count) {
      small = some
      smallLength = some.length
    } else {
      small ??= new Uint8Array(outer.count)
      small.set(some, smallLength)
      smallLength += some.length
    }
    return undefined
  }

  const closeCompressed = (): void => {
    if (closed) return
    inflating = undefined
    if (inner?.between !== true) throw new FrameFault('cut_frame', 'cannot read frame: it ends in the middle of an event that it holds')
    if (open?.isWhole === true) complete(open)
  }

  const endCompressed = (): Promise<void> | undefined => {
    if (inflating !== undefined) return inflating.end().then(closeCompressed)
    const all = small ?? noBytes
    small = undefined
    const wait = takePlain(inflateSmall(all, deps.inflate))
    if (wait !== undefined) return wait.then(closeCompressed)
    return closeCompressed() as undefined
  }

  const step = (kind: number): Promise<void> | undefined => {
    switch (kind) {
      case FrameKind.Window:
        return beginWindow() as undefined
      case FrameKind.Compressed:
        return beginCompressed() as undefined
      case FrameKind.CompressedBytes:
        return takeCompressed()
      case FrameKind.CompressedEnd:
        return endCompressed()
      default:
        return take(outer, kind)
    }
  }

  const readOn = async (): Promise<void> => {
    reading = true
    try {
      while (!closed && hooks.mayRead()) {
        const kind = outer.next()
        if (kind === FrameKind.More) {
          if (!nextBytes()) break
          continue
        }
        const wait = step(kind)
        if (wait === undefined) continue
        await wait
        if (!closed) tellHeld()
      }
      answerEmpty()
    } catch (error) {
      if (!closed) hooks.failed(error)
    }
    reading = false
    if (closed) return
    tellHeld()
    hooks.rested()
  }

  return {
    give(bytes) {
      counters.wireBytes.value += bytes.length
      queue.push(bytes)
      queued += bytes.length
    },
    go() {
      if (!reading && !closed) void readOn()
    },
    get queued() {
      return queued
    },
    get busy() {
      return reading
    },
    get between() {
      return open === undefined && outer.between
    },
    get open() {
      return open
    },
    get version() {
      if (open !== undefined) return open.version
      if (queued === 0) return 0
      return queue[0]?.[0] === 0x31 ? 1 : 2
    },
    close() {
      if (closed) return
      closed = true
      inflating?.destroy()
      open?.piece.clear()
      open?.old?.events.clear()
      open = undefined
      queue.length = 0
      queued = 0
    },
  }
}

const noBytes = new Uint8Array(0)
