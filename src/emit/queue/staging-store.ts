/** Parts on their way to the disk: between the requests that are under way and the rounds. */

import { BridgeError } from '../../errors.ts'
import { ownsChunk } from '../../otlp/encode/chunks.ts'
import type { Recycle } from './holders.ts'
import type { PendingStage } from './round.ts'
import type { StagingStore } from './staging.ts'
import type { Writer } from './writer.ts'

export interface StagingStoreDeps {
  readonly writer: Pick<Writer, 'put' | 'takeOut' | 'discard'>
  /** Why nothing can be written now. */
  readonly refusal: () => Error | undefined
  readonly recycle: Recycle | undefined
}

/** What a sender is told whose parts are not all in the store any more. */
export function lostPartsError(): BridgeError {
  return new BridgeError('OB_QUEUE_BROKEN', 'cannot queue data: the store was opened anew while the request came', { retryAfterSeconds: 1 })
}

/** Creates the way of staged parts into the rounds of a disk queue. */
export function createStagingStore({ writer, refusal, recycle }: StagingStoreDeps): StagingStore {
  return {
    refusal,
    write(request, part, data) {
      const stage: PendingStage = { request, part, data, crc: -1 }
      const bytes = data.byteLength
      return new Promise((resolve, reject) => {
        const stored = (): void => {
          if (stage.crc < 0) {
            reject(lostPartsError())
            return
          }
          resolve({ part, crc: stage.crc, byteLength: bytes })
          if (recycle !== undefined && ownsChunk(data)) recycle(data.buffer)
        }
        writer.put({ values: [], keep: undefined, stage, bytes, undo: undefined, waiter: { resolve: stored, reject } })
      })
    },
    discard(request) {
      // Before the removal is under way: nothing of it may come after.
      for (const { waiter } of writer.takeOut(({ stage }) => stage?.request === request)) waiter?.reject(lostPartsError())
      writer.discard(request)
    },
  }
}
