/** Batches that can be told apart; without vitest, so that child processes can use it. */

import type { Lane, Queue, QueuedBatch } from '../../src/emit/queue/queue.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'

/** A batch of one item whose first four bytes are its number and whose others follow from it. */
export function batch(number: number, bytes = 1000, format = 'zipkin-json'): EncodedBatch {
  const data = new Uint8Array(bytes)
  new DataView(data.buffer).setUint32(0, number)
  for (let at = 4; at < bytes; at++) data[at] = (number * 31 + at) & 0xff
  return { format, signal: 'traces', items: 1, data }
}

/** The number of a batch; throws when its bytes are not those of {@link batch}. */
export function numberOf({ data }: QueuedBatch): number {
  const number = new DataView(data.buffer, data.byteOffset, data.byteLength).getUint32(0)
  for (let at = 4; at < data.byteLength; at++) {
    if (data[at] !== ((number * 31 + at) & 0xff)) throw new Error(`batch ${number} is not what was put`)
  }
  return number
}

/** A queue with one destination, as one thing. */
export type OneLane = Omit<Lane, 'stats'> & Pick<Queue, 'refusal' | 'stats' | 'close'> & { put(batch: EncodedBatch): Promise<void> }

export function oneLane(queue: Queue): OneLane {
  const [lane] = queue.lanes
  if (lane === undefined) throw new Error('a queue without a lane')
  return { ...lane, put: (one) => queue.put([{ batch: one, lanes: [0] }]), refusal: queue.refusal, stats: queue.stats, close: queue.close }
}

export const onlyLane = [{ destination: 'default', whenFull: 'refuse' }] as const

/** Which of several destinations a numbered batch is for: most for all, some for the first alone, some for all but the first. */
export function lanesOf(number: number, lanes: number): number[] {
  const all = [...Array(lanes).keys()]
  if (lanes > 1 && number % 3 === 0) return [0]
  return lanes > 1 && number % 4 === 0 ? all.slice(1) : all
}
