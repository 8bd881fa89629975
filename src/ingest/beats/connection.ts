/**
 * One connection: what its reader makes of the bytes goes into the queue, one window after the other, and is acknowledged. It knows no socket;
 * what is written goes to a {@link Wire}.
 *
 * Reading stops while two windows are complete and not stored, or while windows take too much memory. A window that is not complete when its
 * connection ends is forgotten: it comes again whole, as nothing of it was acknowledged.
 */

import type { Client } from '../../otlp/intake.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { DocumentPart } from '../documents.ts'
import type { Observer } from '../observe.ts'
import { createAcks } from './acks.ts'
import type { BeatsCounters, ConnectionState } from './counters.ts'
import { FrameFault } from './decode-frames.ts'
import type { Holder, WindowMemory } from './memory.ts'
import type { OldSide } from './old-side.ts'
import type { PeerLog } from './peer-log.ts'
import type { Piece } from './piece.ts'
import type { Progress } from './progress.ts'
import { createReader, type ReaderDeps } from './reader.ts'
import { seenPiece } from './seen.ts'
import type { Storer } from './store.ts'
import type { Window } from './window.ts'

/** The other end. */
export interface Wire {
  write(bytes: Uint8Array): void
  /** Bytes written that the system has not taken. */
  readonly unsent: number
  pause(): void
  resume(): void
  /** Closes our side: what is written arrives, what comes is thrown away. */
  end(): void
  destroy(): void
}

export interface ConnectionDeps extends ReaderDeps {
  readonly storer: Storer
  readonly windows: WindowMemory
  readonly progress: Progress
  readonly peers: PeerLog
  readonly log: Logger
  readonly counters: BeatsCounters
  /** Counts what is refused whole, and windows that came. */
  readonly requests: { arrived(bytes: number): void; refused(error: FrameFault): void }
  readonly keepaliveMs: number
  readonly inactivityMs: number
  readonly progressMs: number
  readonly observer?: Observer | undefined
  /** Wall clock in milliseconds. */
  readonly nowMs?: (() => number) | undefined
}

/** What one connection has to do with the old side. */
export interface ConnectionMirror {
  /** Its windows wait in the queue for the old side. */
  readonly side?: OldSide | undefined
  /** Its bytes are passed through: told of windows that are stored here, instead of the client. */
  readonly stored?: ((sequence: number) => void) | undefined
}

export interface Connection {
  /** Takes bytes that came; they are its own. */
  data(bytes: Uint8Array): void
  /** The client sends nothing more; it may still wait for an ack. */
  ended(): void
  /** The connection is gone. */
  closed(): void
  /** Looks at the clock: time-outs. */
  look(): void
  /** Takes no more windows, and closes when those that are complete are stored. */
  stop(): void
  /** Closes now. */
  kill(reason: string): void
}

/** Bytes of acks that a client may leave unread. */
const mostUnread = 64 * 1024

/** Bytes that may have come and not been looked at. */
const mostQueued = 128 * 1024

/** Whole windows that may wait: the one being stored, and one further. */
const mostWaiting = 2

/** How long we read on, and throw away, after our side is closed. */
const drainMs = 1000

/** A window that could not be kept in memory, and that the queue did not take to the end. */
const notTaken = new FrameFault('window_not_taken', 'cannot store window: the queue took a part of it and not the rest', 'OB_QUEUE_FULL')

/** Creates a connection. @param peer address of the client. @param members what its events get in addition */
export function createConnection(
  peer: string,
  wire: Wire,
  members: Uint8Array,
  deps: ConnectionDeps,
  mirror: ConnectionMirror = {},
): Connection {
  const { counters, windows, progress, storer, monotonicMs } = deps
  const waiting: Window[] = []
  let storing = false
  /** Not to be read from any more: it is to be closed for this reason once what waits is stored. */
  let leaving: string | undefined
  let over = false
  let inputEnded = false
  let paused = false
  let heardMs = monotonicMs()
  let state: ConnectionState = 'idle'
  let arrivedBytes = 0
  let readerBytes = 0
  counters.connections.idle.value++

  const acks = createAcks(
    {
      write(bytes) {
        wire.write(bytes)
        if (wire.unsent > mostUnread) kill('slow_reader')
      },
    },
    deps.keepaliveMs,
    counters,
  )
  const holder: Holder = { wake: () => reader.go() }

  const mayRead = (): boolean => leaving === undefined && waiting.length < mostWaiting && windows.mayRead(holder)

  const account = (): void => {
    let bytes = readerBytes
    for (const window of waiting) bytes += window.bytes
    windows.set(holder, bytes)
  }

  /** Brings everything that shows what we are doing up to date. */
  const update = (): void => {
    const [first] = waiting
    const next = first !== undefined ? 'waiting' : reader.open !== undefined ? 'receiving' : 'idle'
    if (next !== state) {
      counters.connections[state].value--
      counters.connections[next].value++
      state = next
    }
    // One that is not complete waits too when it is we who do not read on.
    const version = first?.version ?? (paused ? reader.version : 0)
    if (version === 0) acks.rest()
    else acks.wait(version)
  }

  const reader = createReader(deps, members, {
    mayRead,
    old: mirror.side === undefined ? undefined : () => mirror.side?.begin(),
    show: deps.observer === undefined ? undefined : show,
    begun() {
      counters.pending.value++
      windows.begin(holder)
      update()
    },
    whole(window) {
      deps.requests.arrived(arrivedBytes)
      arrivedBytes = 0
      window.client = clientOf(window)
      waiting.push(window)
      progress.add()
      readerBytes = 0
      account()
      update()
      if (!storing) void storeAll()
    },
    // Where bytes are passed through the old side answers it.
    empty: (version) => void (mirror.stored === undefined && acks.zero(version)),
    async spill(window) {
      if ((await storer.spill(window, isOver)) === 'left' && !over) throw notTaken
    },
    rested() {
      const stuck = !mayRead()
      if (leaving === undefined && !stuck && inputEnded) leave('client')
      else if (stuck || reader.queued > 0) pause()
      else resume()
      if (!over) update()
    },
    held(bytes) {
      readerBytes = bytes
      account()
    },
    failed,
  })

  const clientOf = ({ beat }: Window): Client => {
    const name = beat === undefined || beat.beat === '' ? undefined : beat.version === '' ? beat.beat : `${beat.beat}/${beat.version}`
    return { address: peer, userAgent: name }
  }

  function show(window: Window, piece: Piece, parts: readonly DocumentPart[]): void {
    if (deps.observer?.wants('beats') === true) deps.observer.see(seenPiece(piece, parts, clientOf(window), deps.nowMs?.() ?? Date.now()))
  }

  const isOver = (): boolean => over || inputEnded

  const pause = (): void => {
    if (paused) return
    paused = true
    wire.pause()
  }
  const resume = (): void => {
    if (!paused) return
    paused = false
    // What the client could not send while we did not read is not held against it.
    heardMs = monotonicMs()
    wire.resume()
  }

  /** Stores what waits, in order. */
  const storeAll = async (): Promise<void> => {
    storing = true
    for (let window = waiting[0]; window !== undefined; window = waiting[0]) {
      const outcome = await storer.store(window, isOver)
      if (over) break
      if (outcome === 'left') {
        close(inputEnded ? 'client' : notTaken.reason)
        break
      }
      acknowledge(window)
      if (over) break
      if (leaving !== undefined && waiting.length === 0) close(leaving)
      else reader.go()
    }
    storing = false
  }

  const acknowledge = (window: Window): void => {
    waiting.shift()
    windows.done(holder, waiting.length > 0 || reader.open !== undefined)
    counters.pending.value--
    progress.finish()
    counters.ackSeconds.observe((monotonicMs() - window.beganMs) / 1000)
    heardMs = monotonicMs()
    account()
    if (mirror.stored === undefined) acks.final(window.version, window.highest)
    else mirror.stored(window.highest)
    if (!over) update()
  }

  /** Reads no more, and closes once what waits is stored. */
  const leave = (reason: string): void => {
    if (over || leaving !== undefined) return
    leaving = reason
    forgetOpen()
    if (waiting.length === 0) close(reason)
    else update()
  }

  const forgetOpen = (): void => {
    const { open } = reader
    if (open !== undefined) {
      storer.discard(open)
      counters.pending.value--
    }
    reader.close()
    readerBytes = 0
    account()
  }

  function failed(error: unknown): void {
    if (!(error instanceof FrameFault)) {
      deps.log.error({ peer, error }, 'a fault of the bridge in a connection of a Beat; the connection was closed')
      leave('internal')
      return
    }
    const { reason, message } = error
    counters.faults(reason).value++
    deps.requests.refused(error)
    deps.peers.warn(peer, reason, { fault: message }, 'a connection of a Beat was closed; what was not acknowledged comes again')
    leave('protocol')
  }

  const settle = (reason: string): void => {
    over = true
    acks.rest()
    forgetOpen()
    for (const window of waiting) {
      // One that is being stored is let go of by who stores it.
      if (window !== waiting[0]) storer.discard(window)
      counters.pending.value--
      progress.drop()
    }
    waiting.length = 0
    windows.leave(holder)
    counters.connections[state].value--
    counters.closed(reason).value++
  }

  /** Closes our side; the client reads to the end what it was told. */
  const close = (reason: string): void => {
    if (over) return
    settle(reason)
    wire.end()
    wire.resume()
    setTimeout(() => wire.destroy(), drainMs).unref()
  }

  function kill(reason: string): void {
    if (over) return
    settle(reason)
    wire.destroy()
  }

  return {
    data(bytes) {
      if (over || leaving !== undefined) return
      heardMs = monotonicMs()
      arrivedBytes += bytes.length
      reader.give(bytes)
      if (reader.queued > mostQueued) pause()
      reader.go()
    },
    ended() {
      inputEnded = true
      if (leaving === undefined && !reader.busy && mayRead()) leave('client')
    },
    closed() {
      if (!over) settle('client')
    },
    look() {
      if (over || waiting.length > 0 || paused || reader.busy) return
      const silentMs = monotonicMs() - heardMs
      if (reader.between) {
        if (silentMs >= deps.inactivityMs) leave('idle')
      } else if (silentMs >= deps.progressMs) {
        deps.peers.warn(peer, 'progress_timeout', {}, 'a connection of a Beat was closed: a window had begun and nothing more came')
        leave('progress_timeout')
      }
    },
    stop: () => leave('stopping'),
    kill,
  }
}
