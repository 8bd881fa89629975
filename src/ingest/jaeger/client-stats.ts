/** What Jaeger clients say they lost themselves, before anything reached us. Rule J-U9 of the mapping. */

import { textToString } from '../../otlp/attributes.ts'
import { ValueType } from '../../otlp/model.ts'
import type { JaegerBatch } from '../../translate/jaeger/model.ts'
import type { AdapterDeps } from '../adapter.ts'

interface ClientState {
  seqNo: bigint
  fullQueue: bigint
  tooLarge: bigint
  failedToEmit: bigint
  seenMs: number
}

/** Clients are forgotten after this long without a batch, as Jaeger's agent does. */
const expiryMs = 3_600_000

/** Clients kept; further ones are not counted until others expire. */
const maxClients = 10_000

/** Text of the process tag `client-uuid`; '' without one: such clients cannot be told apart and are not counted. */
function clientUuidOf(batch: JaegerBatch): string {
  for (const tag of batch.process?.tags ?? []) {
    if (tag.key.text !== 'client-uuid') continue
    if (tag.type === ValueType.String) return tag.ref as string
    if (tag.type === ValueType.Text) return textToString({ source: tag.ref as Uint8Array, start: tag.a, end: tag.b })
  }
  return ''
}

/**
 * Creates the listener for batches that count themselves. Clients send totals since their start, so differences are counted;
 * a smaller number is a restart. The first batch of a client only sets its state: what it lost before is not ours to date.
 */
export function createClientStats(deps: AdapterDeps): (batch: JaegerBatch) => void {
  const clients = new Map<string, ClientState>()
  const batches = deps.metrics.counter('otlp_bridge_jaeger_client_batches_total')
  const dropped = (cause: string) => deps.metrics.counter('otlp_bridge_jaeger_client_dropped_spans_total', { cause })
  const fullQueue = dropped('full_queue')
  const tooLarge = dropped('too_large')
  const failedToEmit = dropped('failed_to_emit')
  const cacheFull = deps.metrics.gauge('otlp_bridge_cache_full', { cache: 'jaeger_clients' })

  /** Clients that were heard of longest ago stand first. */
  const expire = (nowMs: number): void => {
    for (const [uuid, state] of clients) {
      if (nowMs - state.seenMs < expiryMs) break
      clients.delete(uuid)
    }
    cacheFull.value = clients.size >= maxClients ? 1 : 0
  }

  const grown = (before: bigint, now: bigint): number => (now > before ? Number(now - before) : 0)

  return (batch) => {
    const uuid = clientUuidOf(batch)
    if (uuid === '') return
    const nowMs = deps.nowMs()
    const known = clients.get(uuid)
    if (known === undefined) {
      if (clients.size >= maxClients) expire(nowMs)
      if (clients.size >= maxClients) return
    } else {
      clients.delete(uuid)
    }
    const restarted = known === undefined || (batch.seqNo !== undefined && batch.seqNo < known.seqNo)
    const stats = batch.stats
    const state: ClientState = {
      seqNo: batch.seqNo ?? known?.seqNo ?? 0n,
      fullQueue: stats?.fullQueueDroppedSpans ?? known?.fullQueue ?? 0n,
      tooLarge: stats?.tooLargeDroppedSpans ?? known?.tooLarge ?? 0n,
      failedToEmit: stats?.failedToEmitSpans ?? known?.failedToEmit ?? 0n,
      seenMs: nowMs,
    }
    clients.set(uuid, state)
    if (restarted || known === undefined) return
    batches.value += grown(known.seqNo, state.seqNo)
    fullQueue.value += grown(known.fullQueue, state.fullQueue)
    tooLarge.value += grown(known.tooLarge, state.tooLarge)
    failedToEmit.value += grown(known.failedToEmit, state.failedToEmit)
  }
}
