import { describe, expect, it } from 'vitest'
import type { QueueStatus } from '../../src/admin/status.ts'
import { joinDestinations, joinQueues, joinReasons } from '../../src/workers/gather.ts'
import type { WorkerReport } from '../../src/workers/protocol.ts'

const queue = (over: Partial<QueueStatus>): QueueStatus => ({
  type: 'disk',
  ack: 'durable',
  batches: 1,
  items: 10,
  bytes: 100,
  maxBytes: 1000,
  deadItems: 3,
  ...over,
})

describe('joinQueues', () => {
  it('sees one store with one limit on disk', () => {
    expect(joinQueues([queue({ oldestMs: 5 }), queue({ oldestMs: 9, fault: 'full' })])).toEqual(
      queue({ batches: 2, items: 20, bytes: 200, oldestMs: 9, fault: 'full' }),
    )
  })

  it('adds up the limits of queues in memory', () => {
    const one = queue({ type: 'memory', deadItems: 0 })
    expect(joinQueues([one, one])).toMatchObject({ maxBytes: 2000, bytes: 200 })
  })

  it('knows nothing of no workers', () => {
    expect(joinQueues([])).toBe(undefined)
  })
})

describe('joinDestinations', () => {
  it('gives each once, with what waits for it in all workers, and with its fault', () => {
    const at = { endpoint: 'http://x', protocol: 'grpc' }
    const lane = { batches: 1, items: 2, bytes: 3, maxBytes: 1000, deadItems: 4 }
    const first = [
      { name: 'a', ...at, queue: lane },
      { name: 'b', ...at },
    ]
    const second = [{ name: 'a', ...at, queue: lane, fault: 'down' }]
    expect(joinDestinations([first, second], true)).toEqual([
      { name: 'a', ...at, fault: 'down', queue: { ...lane, batches: 2, items: 4, bytes: 6 } },
      { name: 'b', ...at },
    ])
  })
})

describe('joinReasons', () => {
  const said = (worker: number, ...reasons: string[]) => ({
    worker,
    report: { reasons: reasons.map((reason) => ({ part: 'emit', reason })) } as unknown as WorkerReport,
  })

  it('says once what all say, though a second apart', () => {
    expect(joinReasons([said(1, 'failing since 7 s'), said(2, 'failing since 8 s')], ({ reasons }) => reasons)).toEqual([
      { part: 'emit', reason: 'failing since 7 s' },
    ])
  })

  it('names the workers when not all say it', () => {
    const all = [said(1, 'stuck'), said(2), said(3, 'stuck', 'full')]
    expect(joinReasons(all, ({ reasons }) => reasons).map(({ reason }) => reason)).toEqual(['stuck (workers 1, 3)', 'full (worker 3)'])
  })
})
