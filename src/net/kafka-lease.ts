/** One partition that is ours for a while, and what is known of it. */

import type { TopicPartition } from './kafka-fetch.ts'
import { createOffsetTracker, type OffsetTracker, type Ticket } from './kafka-offsets.ts'

export interface Lease extends TopicPartition {
  readonly key: string
  /** Where the next fetch begins. */
  position: number
  tracker: OffsetTracker
  /** What the group has stored; -1 for nothing, so that where reading began is stored at once. */
  committed: number
  /** The offset behind the last message there is, as far as known. */
  end: number
  /** The broker to fetch from; undefined when it must be asked for. */
  node: number | undefined
  /** A fetch, or the delivery of what it brought, is under way. */
  busy: boolean
  /** It is about to go to another member: nothing more is delivered. */
  going: boolean
  /** Not fetched before this time, in milliseconds of a monotonic clock. */
  notBeforeMs: number
  /** Why it is not read; undefined when it is. */
  fault: string | undefined
  /** First offset of a batch whose checksum did not hold: fetched once more before it is given up. */
  doubtful: number
}

/** A message under way: what {@link KafkaReader.done} takes. */
export interface Hold {
  readonly lease: Lease
  readonly tracker: OffsetTracker
  readonly ticket: Ticket
}

/** A partition newly ours. @param committed -1 when the group has stored nothing */
export function createLease(place: TopicPartition, key: string, position: number, committed: number): Lease {
  return {
    topic: place.topic,
    partition: place.partition,
    key,
    position,
    tracker: createOffsetTracker(position),
    committed,
    end: -1,
    node: undefined,
    busy: false,
    going: false,
    notBeforeMs: 0,
    fault: undefined,
    doubtful: -1,
  }
}

/** Goes on from another place, forwards or back. What is under way is no longer waited for. */
export function jump(lease: Lease, position: number): void {
  lease.position = position
  lease.tracker = createOffsetTracker(position)
  lease.committed = -1
}

/** Messages that are there and not committed; 0 when the end is not known. */
export function lagOf(lease: Lease): number {
  return Math.max(0, lease.end - lease.tracker.committable)
}
