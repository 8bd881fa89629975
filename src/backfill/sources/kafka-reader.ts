/**
 * A slice of a partition: records from one offset to another, in pages. Pages are cut by what lies in the partition alone, so that they are the same
 * whichever fetch brings them.
 */

import { BridgeError } from '../../errors.ts'
import { kafkaReason } from '../../net/kafka.ts'
import { type FetchedPartition, KafkaError } from '../../net/kafka-fetch.ts'
import type { BatchReader, KafkaMessage } from '../../net/kafka-records.ts'
import type { TopicClient } from '../../net/kafka-topic.ts'
import { freeMessage } from '../../otlp/encode/chunks.ts'
import { sourceFault } from '../../read/patient-client.ts'
import type { Json, TranslatedPage } from '../model.ts'
import type { SliceReader, SourceDeps } from '../source.ts'

/** Records that are not there to be read, and why. */
export interface LostRecords {
  readonly offset: number
  readonly count: number
  readonly reason: string
}

/** What a page is made of. */
export interface RecordPage {
  readonly messages: readonly KafkaMessage[]
  readonly lost: readonly LostRecords[]
  /** Offsets without a record: compacted away, marks of transactions, what was aborted. */
  readonly gaps: number
}

export interface RecordReaderOptions {
  readonly topic: string
  readonly partition: number
  /** `[from, to)` */
  readonly from: number
  readonly to: number
  readonly cursor: Json | undefined
  readonly page: SourceDeps['page']
  open(fetched: FetchedPartition, from: number): BatchReader
  translate(page: RecordPage): TranslatedPage
}

const limits = { maxWaitMs: 400, maxBytes: 4 * 1024 * 1024, maxPartitionBytes: 1024 * 1024 }
const pauseMs = 500
/** A topic that is not there may be one that a broker has not heard of yet. */
const missingTries = 10

/** Reads `[from, to)` of a partition. */
export function createRecordReader(
  client: Pick<TopicClient, 'leaders' | 'fetch' | 'offsets'>,
  options: RecordReaderOptions,
  deps: Pick<SourceDeps, 'sleep' | 'distress'>,
): SliceReader {
  const { topic, partition, to } = options
  const place = `${topic}/${partition}`
  const { cursor } = options
  if (cursor !== undefined && (typeof cursor !== 'number' || cursor < options.from))
    throw sourceFault('source_error', `cannot go on with ${place}: the cursor is none of this source`, place)
  /** The next offset that is not in a page yet. */
  let position = cursor ?? options.from
  let batches: BatchReader | undefined
  /** What `batches` and `waiting` lie in. */
  let fetchedBytes: Uint8Array | undefined
  /** What no page but the one that is being put together has anything of. */
  let spent: Uint8Array[] = []
  let waiting: readonly KafkaMessage[] = []
  let at = 0
  /** Behind the batch that `waiting` is of. */
  let behind = position
  let node: number | undefined
  let missing = 0
  let doubtful = -1

  /** A fault that may pass. */
  const wait = async (reason: string): Promise<void> => {
    node = undefined
    deps.distress(reason, 0)
    await deps.sleep(pauseMs)
  }

  /** The broker no longer has what comes next. */
  const recover = async (lost: LostRecords[]): Promise<void> => {
    const first = (await client.offsets(topic, [partition], 'earliest')).get(partition) ?? position
    if (first <= position) {
      throw sourceFault(
        'vanished',
        `cannot read ${place} from offset ${position}: the partition ends before it; is it another topic of this name?`,
        place,
      )
    }
    const next = Math.min(first, to)
    lost.push({ offset: position, count: next - position, reason: 'expired' })
    position = next
    behind = next
  }

  const fetch = async (lost: LostRecords[]): Promise<void> => {
    let fetched: FetchedPartition | undefined
    try {
      node ??= (await client.leaders([{ topic, partition }], true)).get(place)
      if (node === undefined || node < 0) return await wait('no_leader')
      ;[fetched] = await client.fetch(node, [{ topic, partition, offset: position }], limits)
    } catch (error) {
      if (error instanceof BridgeError) throw error
      return await wait(kafkaReason(error).slice(0, 100))
    }
    switch (fetched?.error) {
      case 0:
        missing = 0
        if (fetched.records.length > 0) {
          batches = options.open(fetched, position)
          fetchedBytes = fetched.records
        }
        // Records of a transaction that is open come when it ends.
        else await deps.sleep(pauseMs)
        return
      case KafkaError.OffsetOutOfRange:
        return await recover(lost)
      case KafkaError.TopicAuthorizationFailed:
        throw sourceFault('unauthorised', `cannot read ${place}: we may not read this topic`, place)
      case KafkaError.UnknownTopicOrPartition:
        if (++missing >= missingTries) throw sourceFault('vanished', `cannot read ${place}: there is no such partition`, place)
        return await wait('unknown_topic')
      default:
        return await wait(`kafka_error_${fetched?.error ?? 'none'}`)
    }
  }

  /** On to the next batch of what was fetched. */
  const advance = (lost: LostRecords[]): void => {
    const batch = batches?.next()
    if (batch === undefined) {
      batches = undefined
      if (fetchedBytes !== undefined) spent.push(fetchedBytes)
      fetchedBytes = undefined
      return
    }
    const { setAside } = batch
    if (setAside?.reason === 'checksum' && doubtful !== setAside.offset) {
      // Once more from the broker, in case it was the way.
      doubtful = setAside.offset
      batches = undefined
      return
    }
    const count = setAside === undefined ? 0 : Math.min(setAside.messages, to - setAside.offset)
    if (setAside !== undefined && count > 0) lost.push({ offset: setAside.offset, count, reason: setAside.reason })
    waiting = batch.messages
    at = 0
    behind = Math.min(batch.nextOffset, to)
    if (waiting.length === 0) position = Math.max(position, behind)
  }

  return {
    async next(abort) {
      if (position >= to) return undefined
      const start = position
      const messages: KafkaMessage[] = []
      const lost: LostRecords[] = []
      let bytes = 0
      while (position < to && messages.length < options.page.items) {
        if (abort.aborted) throw new BridgeError('OB_STOPPING', 'cannot read on: the run is stopping')
        const message = waiting[at]
        if (message === undefined) {
          position = Math.max(position, behind)
          if (position >= to) break
          if (batches === undefined) await fetch(lost)
          else advance(lost)
          continue
        }
        if (message.offset >= to) {
          position = to
          break
        }
        bytes += message.value?.length ?? 0
        if (bytes > options.page.bytes && messages.length > 0) break
        messages.push(message)
        at++
        position = message.offset + 1
      }
      if (at >= waiting.length) position = Math.max(position, behind)
      const gone = lost.reduce((all, { count }) => all + count, 0)
      const gaps = Math.max(0, position - start - messages.length - gone)
      const free = spent
      spent = []
      return {
        cursor: position,
        last: position >= to,
        translate() {
          const translated = options.translate({ messages, lost, gaps })
          // Its items are copies now: left to the collector, fetches would be most of what a run holds.
          for (const bytes of free.splice(0)) freeMessage(bytes)
          return translated
        },
      }
    },
    async rest() {
      batches = undefined
      waiting = []
      at = 0
      behind = position
    },
    async close() {
      batches = undefined
      waiting = []
    },
  }
}
