/**
 * What is kept beside the batches, main thread's side: how much it is, and letting go of it in order. The values themselves are in the
 * store only. Who keeps something knows it by a number of this process, because with `ack: memory` it has no id in the store yet.
 */

import { BridgeError } from '../../errors.ts'
import type { Kept } from '../../otlp/intake.ts'
import type { Logger } from '../../telemetry/log.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { Fault } from './protocol.ts'
import { stoppingError } from './put.ts'
import type { PendingKeep } from './round.ts'
import type { WorkerLink } from './worker-link.ts'

export interface KeepingDeps {
  readonly link: WorkerLink
  readonly metrics: Metrics
  readonly log: Logger
  /** All that may be kept, in bytes. */
  readonly maxBytes: number
  /** Removes what is kept under a name up to an id of the store, with the next round. */
  readonly letGo: (name: string, id: number) => void
  /** Resolves when what was let go of until now is removed; undefined: nothing waits for it. */
  readonly released: () => Promise<void> | undefined
  readonly onFault: (fault: Fault) => void
}

export interface Keeping {
  /** Why so many bytes more cannot be kept; undefined when they can. @param makesRoom see `HoldingOptions`: there is twice the room */
  refusal(bytes: number, makesRoom?: boolean): BridgeError | undefined
  /** Counts it as kept. */
  begin(name: string, data: Uint8Array, nowMs: number): PendingKeep
  /** It is in the store under this id. */
  stored(keep: PendingKeep, id: number): void
  /** It is not stored, and will not be. */
  withdrawn(keep: PendingKeep): void
  /** Lets go of everything of this name up to this number. */
  release(name: string, number: number): void
  /** As `Holding.recover`; the first call with a cursor begins anew. */
  recover(name: string, cursor: Cursor): Promise<readonly Kept[]>
  /** The store can be used again. */
  resume(): void
  end(): void
}

/** How far one holder is with recovering. */
export interface Cursor {
  /** Undefined: it has been given everything, or has not begun. */
  id: number | undefined
}

interface Piece {
  readonly number: number
  readonly bytes: number
  /** In the store; 0: not there yet. */
  id: number
  released: boolean
}

/** Everything of one name. */
interface Line {
  /** Handed out by `recover`, oldest first. */
  recovered: Piece[]
  /** Put since. */
  own: Piece[]
}

/** Numbers of this process come after every id in the store, by which those of other runs are known. */
const firstNumber = 2 ** 52
/** Of what is recovered so many bytes at a time, but at least one value. */
const pageBytes = 16 * 2 ** 20

const fullRetryAfterSeconds = 5

/** Creates the keeping of one disk queue, with nothing in it. */
export function createKeeping(deps: KeepingDeps): Keeping {
  const { link, metrics, log, maxBytes } = deps
  const lines = new Map<string, Line>()
  let nextNumber = firstNumber
  let bytes = 0
  let ended = false
  let waiting: (() => void)[] = []

  const lineOf = (name: string): Line => {
    let line = lines.get(name)
    if (line === undefined) {
      if (lines.size === 0) {
        const gauge = metrics.gauge('otlp_bridge_queue_kept_bytes')
        metrics.onCollect(() => void (gauge.value = bytes))
      }
      lines.set(name, (line = { recovered: [], own: [] }))
    }
    return line
  }

  /** Takes what has numbers up to this one off the front; the highest id of it in the store. */
  const takeOff = (pieces: Piece[], number: number): number => {
    let count = 0
    let highest = 0
    for (; count < pieces.length && (pieces[count] as Piece).number <= number; count++) {
      const piece = pieces[count] as Piece
      bytes -= piece.bytes
      if (piece.id === 0) piece.released = true
      else highest = piece.id
    }
    pieces.splice(0, count)
    return highest
  }

  /** Whoever holds from now on hears of everything that is in the store. */
  const beginAnew = (line: Line): void => {
    for (const piece of [...line.recovered, ...line.own]) if (piece.id !== 0) bytes -= piece.bytes
    line.recovered = []
    line.own = line.own.filter((piece) => piece.id === 0)
  }

  const onRecovered = (name: string, cursor: Cursor, kept: readonly Kept[], damaged: number): void => {
    const line = lineOf(name)
    if (cursor.id === undefined) beginAnew(line)
    for (const { id, data } of kept) {
      line.recovered.push({ number: id, id, bytes: data.byteLength, released: false })
      bytes += data.byteLength
    }
    cursor.id = kept[kept.length - 1]?.id
    if (damaged === 0) return
    metrics.counter('otlp_bridge_queue_damaged_batches_total').value += damaged
    log.error({ name, values: damaged }, 'something that was kept is damaged and was set aside')
  }

  const resume = (): void => {
    const again = waiting
    waiting = []
    for (const ask of again) ask()
  }

  return {
    refusal(more, makesRoom = false) {
      if (bytes + more <= (makesRoom ? 2 * maxBytes : maxBytes)) return undefined
      const why = `what cannot be sent yet is at its limit of ${maxBytes} bytes, a quarter of queue.maxSize or 256 MiB`
      return new BridgeError('OB_QUEUE_FULL', `cannot queue data: ${why}`, { retryAfterSeconds: fullRetryAfterSeconds })
    },
    begin(name, data, nowMs) {
      const piece: Piece = { number: nextNumber++, bytes: data.byteLength, id: 0, released: false }
      lineOf(name).own.push(piece)
      bytes += piece.bytes
      return { name, data, queuedAtMs: nowMs, piece }
    },
    stored({ name, piece }, id) {
      piece.id = id
      if (piece.released) deps.letGo(name, id)
    },
    withdrawn({ name, piece }) {
      const { own } = lineOf(name)
      const at = own.lastIndexOf(piece)
      if (at === -1) return
      own.splice(at, 1)
      bytes -= piece.bytes
    },
    release(name, number) {
      const line = lineOf(name)
      const highest = Math.max(takeOff(line.recovered, number), takeOff(line.own, number))
      if (highest > 0) deps.letGo(name, highest)
    },
    recover(name, cursor) {
      lineOf(name)
      return new Promise((resolve, reject) => {
        const ask = (): void => {
          if (ended) {
            reject(stoppingError())
            return
          }
          const { id } = cursor
          link.call({ kind: 'recover', name, adopt: id === undefined, afterId: id ?? -1, maxBytes: pageBytes }, ({ answer, fault }) => {
            if (answer?.kind === 'kept') {
              onRecovered(name, cursor, answer.kept, answer.damaged)
              // A page of nothing but damage is not the end.
              if (answer.kept.length === 0 && answer.damaged > 0) ask()
              else resolve(answer.kept)
              return
            }
            if (fault === undefined) throw new Error('BUG: the answer is not what was kept')
            deps.onFault(fault)
            if (fault.kind === 'replaced') ask()
            else waiting.push(ask)
          })
        }
        // What was let go of must not come back.
        const released = cursor.id === undefined ? deps.released() : undefined
        if (released === undefined) ask()
        else void released.then(ask)
      })
    },
    resume,
    end() {
      ended = true
      resume()
    },
  }
}
