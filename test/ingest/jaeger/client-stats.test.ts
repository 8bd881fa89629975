import { beforeEach, describe, expect, it } from 'vitest'
import { createClientStats } from '../../../src/ingest/jaeger/client-stats.ts'
import { textValue } from '../../../src/otlp/attributes.ts'
import { createKey } from '../../../src/otlp/keys.ts'
import type { JaegerBatch } from '../../../src/translate/jaeger/model.ts'
import { countsOf, createFakeDeps, type FakeDeps, sumOf } from '../support/fakes.ts'

let deps: FakeDeps
let now: number

beforeEach(() => {
  now = 1_700_000_000_000
  deps = createFakeDeps(() => now)
})

const uuidKey = createKey('client-uuid')

const batch = (uuid: string | undefined, seqNo: bigint, lost: readonly [full: bigint, large: bigint, failed: bigint]): JaegerBatch => ({
  nanosPerTick: 1000,
  process: { serviceName: 'shop', tags: uuid === undefined ? [] : [textValue(uuidKey, uuid)] },
  spans: [],
  seqNo,
  stats: { fullQueueDroppedSpans: lost[0], tooLargeDroppedSpans: lost[1], failedToEmitSpans: lost[2] },
})

const dropped = (): Record<string, number> => countsOf(deps.metrics, 'otlp_bridge_jaeger_client_dropped_spans_total', 'cause')
const batches = (): number => sumOf(deps.metrics, 'otlp_bridge_jaeger_client_batches_total')

describe('createClientStats', () => {
  it('counts what a client lost since its last batch', () => {
    const told = createClientStats(deps)
    told(batch('a', 10n, [5n, 0n, 0n]))
    expect([batches(), dropped()]).toEqual([0, {}])
    told(batch('a', 12n, [7n, 1n, 0n]))
    told(batch('a', 13n, [7n, 1n, 4n]))
    expect([batches(), dropped()]).toEqual([3, { full_queue: 2, too_large: 1, failed_to_emit: 4 }])
  })

  it('begins anew when the client was started again', () => {
    const told = createClientStats(deps)
    told(batch('a', 10n, [5n, 0n, 0n]))
    told(batch('a', 1n, [0n, 0n, 0n]))
    told(batch('a', 2n, [1n, 0n, 0n]))
    expect([batches(), dropped()]).toEqual([1, { full_queue: 1 }])
  })

  it('keeps clients apart, and leaves out those without a name', () => {
    const told = createClientStats(deps)
    told(batch('a', 1n, [0n, 0n, 0n]))
    told(batch('b', 1n, [100n, 0n, 0n]))
    told(batch(undefined, 1n, [0n, 0n, 0n]))
    told(batch(undefined, 9n, [9n, 0n, 0n]))
    told(batch('a', 2n, [1n, 0n, 0n]))
    expect([batches(), dropped()]).toEqual([1, { full_queue: 1 }])
  })

  it('holds so many clients and no more, says so, and forgets those it has not heard of for an hour', () => {
    const told = createClientStats(deps)
    for (let n = 0; n < 10_000; n++) told(batch(`client ${n}`, 1n, [0n, 0n, 0n]))
    told(batch('late', 1n, [0n, 0n, 0n]))
    told(batch('late', 5n, [0n, 0n, 0n]))
    expect([batches(), sumOf(deps.metrics, 'otlp_bridge_cache_full')]).toEqual([0, 1])
    now += 3_600_000
    told(batch('late', 6n, [0n, 0n, 0n]))
    told(batch('late', 7n, [0n, 0n, 0n]))
    expect([batches(), sumOf(deps.metrics, 'otlp_bridge_cache_full')]).toEqual([1, 0])
  })
})
