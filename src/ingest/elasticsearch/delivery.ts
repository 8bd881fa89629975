/** Hands what is good in a request to the queue, and waits with it where there is no room. Keeps the books of it. */

import type { BridgeError } from '../../errors.ts'
import type { EncodedBatch, Envelope, Intake, Client as Sender, Staging } from '../../otlp/intake.ts'
import type { HistogramCell } from '../../telemetry/metrics.ts'
import type { DocumentPart } from '../documents.ts'
import { isShedding } from '../legacy.ts'
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

/** What goes along with the parts of a request. */
export interface Along {
  /** The request as it came, for the old side. */
  readonly envelope?: Envelope | undefined
  readonly sender?: Sender | undefined
  /** The new side need not have it: nobody waits for room, what it cannot take is left out and counted, and that is no error. Default: it must. */
  readonly optional?: boolean | undefined
  /** The old backend has taken it already, while its client waited. */
  readonly answered?: boolean | undefined
}

/** A request of more than one piece on its way into the queue. */
export interface LargeDelivery {
  /** Stores the next parts, and envelopes of as much of the request. Undefined, or why none of the request can be taken. */
  add(parts: readonly DocumentPart[], client: Client, envelopes?: readonly Envelope[]): Promise<BridgeError | undefined>
  /** Makes all of it the queue's. Undefined, or why not; then nothing was taken. */
  commit(tally: Tally): Promise<BridgeError | undefined>
  discard(): void
}

export interface Delivery {
  /** All of a request at once. Undefined when the queue has it, or why not; then nothing was taken. Waits for room as long as the client may. */
  deliver(parts: readonly DocumentPart[], tally: Tally, client: Client, along?: Along): Promise<BridgeError | undefined>
  /**
   * @param optional as {@link Along.optional}: where the new side has no room for the first part, none of the request goes there. One that it takes in part
   * is refused, and comes again: then it goes without.
   */
  begin(sender?: Sender, optional?: boolean): LargeDelivery
}

const nothing = new Uint8Array(0)

const endpoint = 'elasticsearch'

const batchOf = ({ signal, items, data, indices }: DocumentPart, { sender, envelope, answered }: Along): EncodedBatch => ({
  format: formatName,
  endpoint,
  signal,
  items,
  data,
  keys: indices,
  client: sender,
  envelope,
  answered: answered === true ? items : undefined,
})

/** An envelope without items of ours. */
const envelopeAlone = (envelope: Envelope, client: Sender | undefined): EncodedBatch => ({
  format: formatName,
  endpoint,
  signal: 'logs',
  items: 0,
  data: nothing,
  client,
  envelope,
})

/** All of a request; its envelope goes with the first part. */
function batchesOf(parts: readonly DocumentPart[], along: Along): EncodedBatch[] {
  const { envelope, sender } = along
  if (parts.length === 0) return envelope === undefined ? [] : [envelopeAlone(envelope, sender)]
  return parts.map((part, at) => batchOf(part, at === 0 ? along : { ...along, envelope: undefined }))
}

const bytesOf = (batches: readonly EncodedBatch[]): number =>
  batches.reduce((sum, { data, envelope }) => sum + data.byteLength + (envelope?.data.byteLength ?? 0), 0)

const isSheddingNow = (refusal: Error | undefined): boolean => refusal !== undefined && isShedding(asBridgeError(refusal))

/** What was refused may have been given to another thread before; it cannot be tried again then. */
const isHere = (batches: readonly EncodedBatch[]): boolean =>
  batches.every(({ data, items, envelope }) => (items === 0 || data.byteLength > 0) && envelope?.data.byteLength !== 0)

/** So long after a large request was refused for want of room in a new side that need not have it, large ones go without that side. */
const withoutMs = 60_000

export function createDelivery({ intake, admission, hold, books, seconds, monotonicMs }: DeliveryDeps): Delivery {
  /** Until when large requests go to the old side alone, where they may. */
  let withoutUntilMs = Number.NEGATIVE_INFINITY

  const putAll = async (batches: readonly EncodedBatch[]): Promise<void> => {
    const [only] = batches
    if (only !== undefined && batches.length === 1) {
      await intake.put(only)
      return
    }
    const staging = intake.stage()
    try {
      for (const batch of batches) await staging.add(batch)
      await staging.commit()
    } catch (error) {
      staging.discard()
      throw error
    }
  }

  /** Waits until it may be tried again. Undefined, or the error to answer with. */
  const waitAgain = async (error: BridgeError, batches: readonly EncodedBatch[], tally: Tally, client: Client) => {
    if (!isFull(error) || !isHere(batches)) return error
    books.waits(tally, 1)
    const room = await admission.wait(client, bytesOf(batches))
    books.waits(tally, -1)
    if (room === 'room') return undefined
    return room === 'gone' ? goneError() : error
  }

  /** The new side cannot take it and need not: the old side's part goes alone. */
  const putEnvelope = async (error: BridgeError, { envelope, sender }: Along): Promise<BridgeError | undefined> => {
    if (envelope === undefined) return undefined
    if (envelope.data.byteLength === 0) return error
    try {
      await intake.put(envelopeAlone(envelope, sender))
      return undefined
    } catch (thrown) {
      return asBridgeError(thrown)
    }
  }

  return {
    async deliver(parts, tally, client, along = {}) {
      const batches = batchesOf(parts, along)
      if (batches.length === 0) {
        books.settled(tally)
        return undefined
      }
      const startedAt = monotonicMs()
      // Counted now, because the queue counts its side as soon as it is called.
      books.offered(tally)
      for (;;) {
        try {
          await putAll(batches)
          break
        } catch (thrown) {
          const first = asBridgeError(thrown)
          if (along.optional === true && isShedding(first)) {
            const error = await putEnvelope(first, along)
            if (error === undefined) {
              books.shed(tally)
              books.settled(tally)
            } else books.lost(tally, reasonOf(error.code))
            return error
          }
          const error = await waitAgain(first, batches, tally, client)
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

    begin(sender, optional = false) {
      let staging: Staging = intake.stage()
      let isEmpty = true
      const startedAt = monotonicMs()
      /** The new side gets none of it. */
      let isShed = optional && (startedAt < withoutUntilMs || isSheddingNow(intake.refusal()))
      let over = false
      const discard = (): void => {
        if (!over) staging.discard()
        over = true
      }

      const addOne = async (batch: EncodedBatch, client: Client): Promise<BridgeError | undefined> => {
        for (;;) {
          // What was refused once cannot be added again when there is something before it: it is asked first whether there is room.
          const refusal = intake.refusal(batch.envelope?.mirror)
          if (!optional && refusal !== undefined && isFull(refusal) && (await admission.wait(client, bytesOf([batch]))) === 'gone')
            return goneError()
          try {
            await staging.add(batch)
            isEmpty = false
            return undefined
          } catch (thrown) {
            const error = asBridgeError(thrown)
            if (optional && batch.envelope === undefined && isShedding(error)) {
              if (isEmpty) {
                isShed = true
                staging.discard()
                staging = intake.stage()
                return undefined
              }
              withoutUntilMs = monotonicMs() + withoutMs
            } else if (isEmpty && isFull(error) && isHere([batch])) {
              const room = await admission.wait(client, bytesOf([batch]))
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
        async add(parts, client, envelopes = []) {
          for (const part of parts) {
            if (isShed) break
            const error = await addOne(batchOf(part, { sender }), client)
            if (error !== undefined) return error
          }
          for (const envelope of envelopes) {
            const error = await addOne(envelopeAlone(envelope, sender), client)
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
            if (optional && !isShed && isShedding(error)) withoutUntilMs = monotonicMs() + withoutMs
            books.lost(tally, reasonOf(error.code))
            discard()
            return error
          }
          over = true
          if (isShed) {
            books.shed(tally)
            books.settled(tally)
            return undefined
          }
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
