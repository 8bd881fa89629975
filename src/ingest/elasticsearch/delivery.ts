/** Hands what is good in a request to the queue, and waits with it where there is no room. Keeps the books of it. */

import type { BridgeError } from '../../errors.ts'
import type { EncodedBatch, Intake, Staging } from '../../otlp/intake.ts'
import type { HistogramCell } from '../../telemetry/metrics.ts'
import type { DocumentPart } from '../documents.ts'
import { asBridgeError, reasonOf } from '../receive.ts'
import { type Admission, type Client, goneError, isFull } from './admission.ts'
import { type BulkBooks, formatName } from './bulk-books.ts'
import type { Hold } from './hold.ts'
import type { Tally } from './tally.ts'

export interface DeliveryDeps {
  readonly intake: Intake
  readonly admission: Admission
  readonly hold: Hold
  readonly books: BulkBooks
  /** Seconds until the queue had a request. */
  readonly seconds: HistogramCell
  readonly monotonicMs: () => number
}

/** A request of more than one piece on its way into the queue. */
export interface LargeDelivery {
  /** Stores the next parts. Undefined, or why none of the request can be taken. */
  add(parts: readonly DocumentPart[], client: Client): Promise<BridgeError | undefined>
  /** Makes all of it the queue's. Undefined, or why not; then nothing was taken. */
  commit(tally: Tally): Promise<BridgeError | undefined>
  discard(): void
}

export interface Delivery {
  /** All of a request at once. Undefined when the queue has it, or why not; then nothing was taken. Waits for room as long as the client may. */
  deliver(parts: readonly DocumentPart[], tally: Tally, client: Client): Promise<BridgeError | undefined>
  begin(): LargeDelivery
}

const batchOf = ({ signal, items, data }: DocumentPart): EncodedBatch => ({ format: formatName, signal, items, data })

const bytesOf = (parts: readonly DocumentPart[]): number => parts.reduce((sum, { data }) => sum + data.byteLength, 0)

/** What was refused may have been given to another thread before; it cannot be tried again then. */
const isHere = (parts: readonly DocumentPart[]): boolean => parts.every(({ data, items }) => items === 0 || data.byteLength > 0)

export function createDelivery({ intake, admission, hold, books, seconds, monotonicMs }: DeliveryDeps): Delivery {
  const putAll = async (parts: readonly DocumentPart[]): Promise<void> => {
    const [only] = parts
    if (only !== undefined && parts.length === 1) {
      await intake.put(batchOf(only))
      return
    }
    const staging = intake.stage()
    try {
      for (const part of parts) await staging.add(batchOf(part))
      await staging.commit()
    } catch (error) {
      staging.discard()
      throw error
    }
  }

  /** Waits until it may be tried again. Undefined, or the error to answer with. */
  const waitAgain = async (error: BridgeError, parts: readonly DocumentPart[], tally: Tally, client: Client) => {
    if (!isFull(error) || !isHere(parts)) return error
    books.waits(tally, 1)
    const room = await admission.wait(client, bytesOf(parts))
    books.waits(tally, -1)
    if (room === 'room') return undefined
    return room === 'gone' ? goneError() : error
  }

  return {
    async deliver(parts, tally, client) {
      if (parts.length === 0) {
        books.settled(tally)
        return undefined
      }
      const startedAt = monotonicMs()
      // Counted now, because the queue counts its side as soon as it is called.
      books.offered(tally)
      for (;;) {
        try {
          await putAll(parts)
          break
        } catch (thrown) {
          const error = await waitAgain(asBridgeError(thrown), parts, tally, client)
          if (error === undefined) continue
          books.lost(tally, reasonOf(error.code))
          return error
        }
      }
      books.taken(tally)
      hold.taken()
      seconds.observe((monotonicMs() - startedAt) / 1000)
      return undefined
    },

    begin() {
      let staging: Staging = intake.stage()
      let isEmpty = true
      const startedAt = monotonicMs()
      let over = false
      const discard = (): void => {
        if (!over) staging.discard()
        over = true
      }

      const addOne = async (part: DocumentPart, client: Client): Promise<BridgeError | undefined> => {
        for (;;) {
          // What was refused once cannot be added again when there is something before it: it is asked first whether there is room.
          const refusal = intake.refusal()
          if (refusal !== undefined && isFull(refusal) && (await admission.wait(client, part.data.byteLength)) === 'gone')
            return goneError()
          try {
            await staging.add(batchOf(part))
            isEmpty = false
            return undefined
          } catch (thrown) {
            const error = asBridgeError(thrown)
            if (isEmpty && isFull(error) && isHere([part])) {
              const room = await admission.wait(client, part.data.byteLength)
              if (room === 'gone') return goneError()
              if (room === 'room') {
                staging.discard()
                staging = intake.stage()
                continue
              }
            }
            discard()
            return error
          }
        }
      }

      return {
        async add(parts, client) {
          for (const part of parts) {
            const error = await addOne(part, client)
            if (error !== undefined) return error
          }
          return undefined
        },
        async commit(tally) {
          books.offered(tally)
          try {
            await staging.commit()
          } catch (thrown) {
            const error = asBridgeError(thrown)
            books.lost(tally, reasonOf(error.code))
            discard()
            return error
          }
          over = true
          books.taken(tally)
          hold.taken()
          seconds.observe((monotonicMs() - startedAt) / 1000)
          return undefined
        },
        discard,
      }
    },
  }
}
