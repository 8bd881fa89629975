/** Finds the items that a destination refuses among those that it would take. */

import type { SendError } from '../emit/sender.ts'
import type { Signal } from '../otlp/intake.ts'
import type { UnitRow } from '../otlp/units.ts'
import { type Batch, batchOf, reject, type Tally, tooOld } from './lane-model.ts'
import { classifyRejection, oldestAcceptable } from './rejections.ts'

/** Sends a part; undefined when it was taken (and counted), else why it was not. */
export type SendPart = (batch: Batch) => Promise<SendError | undefined>

/**
 * Halves a request that was refused, until the offenders stand alone: they are counted as rejected, the rest is taken. A half that is taken says that the
 * other is the one that is refused: that is not asked again as a whole. In the order of the request, since ascending times are kinder to most destinations.
 * When `tally.isolation` requests are used up, what is left is dead.
 * @param row the request, of which nothing is stored yet
 * @param refusal of the whole
 * @param failing set when it is the destination that fails: the offenders are put there and not counted, `reason` is that of what is dead
 */
export async function isolate(
  signal: Signal,
  row: UnitRow,
  refusal: SendError,
  tally: Tally,
  send: SendPart,
  failing?: { readonly reason: string; readonly offenders: Batch[] },
): Promise<void> {
  /** What is as old was refused by a limit that holds for all. */
  let refusedMs = Number.NEGATIVE_INFINITY
  let takenMs: number | undefined

  const itemsOf = (from: number, to: number): number => {
    let items = 0
    for (let unit = from; unit < to; unit++) items += row.itemsOf(unit)
    return items
  }
  const batch = (from: number, to: number): Batch => batchOf(signal, itemsOf(from, to), row.build([[from, to]]))

  const bury = (from: number, to: number, error: SendError): void => {
    const rest = batch(from, to)
    const why = failing?.reason ?? classifyRejection(error.said || error.message, error.reason).reason
    tally.dead.push({ signal, reason: why, message: error.message, items: rest.items, data: rest.parts[0] as Uint8Array })
    if (!tally.said.has(why)) tally.said.set(why, error.message)
  }

  const offender = (unit: number, error: SendError): void => {
    if (failing !== undefined) {
      failing.offenders.push(batch(unit, unit + 1))
      return
    }
    const said = error.said === '' ? error.message : error.said
    const found = classifyRejection(said, error.reason)
    reject(tally, found.reason, row.itemsOf(unit), error.message)
    if (!found.age) return
    const ms = row.timeMs(unit)
    if (found.wholesale && ms !== undefined) refusedMs = Math.max(refusedMs, ms)
    tooOld(tally, {
      reason: found.reason,
      refusedMs: ms,
      takenMs: oldestAcceptable(said) ?? takenMs,
      knob: found.knob,
      said: error.message,
    })
  }

  /** Units from `from` on that are refused, as we know by another one. */
  const known = (from: number, to: number, error: SendError): number => {
    let unit = from
    for (; unit < to; unit++) {
      const ms = row.timeMs(unit)
      if (ms === undefined || ms > refusedMs) break
      const { reason: why } = classifyRejection(error.said || error.message, error.reason)
      reject(tally, why, row.itemsOf(unit), error.message)
    }
    return unit
  }

  const ask = async (from: number, to: number): Promise<SendError | undefined> => {
    tally.isolation--
    const error = await send(batch(from, to))
    if (error === undefined) {
      const ms = row.timeMs(from)
      if (ms !== undefined && (takenMs === undefined || ms < takenMs)) takenMs = ms
    }
    return error
  }

  /** Takes on a part of which nothing is stored. True when all of it was taken. @param error set: it was refused as a whole, or must be */
  const part = async (start: number, to: number, error: SendError | undefined, told: SendError): Promise<boolean> => {
    const from = refusedMs === Number.NEGATIVE_INFINITY ? start : known(start, to, told)
    if (from >= to) return false
    let why = from === start ? error : undefined
    if (why === undefined || to - from === 1) {
      if (tally.isolation <= 0) {
        bury(from, to, told)
        return false
      }
      why = await ask(from, to)
      if (why === undefined) return from === start
    }
    if (to - from === 1) {
      offender(from, why)
      return false
    }
    const middle = (from + to) >> 1
    const whole = await part(from, middle, undefined, why)
    await part(middle, to, whole ? why : undefined, why)
    return false
  }

  const count = row.units
  if (count === 1) {
    offender(0, refusal)
    return
  }
  await part(0, count, refusal, refusal)
}
