import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../src/errors.ts'
import { createReceiver } from '../../src/ingest/receive.ts'
import type { EncodedBatch } from '../../src/otlp/intake.ts'
import { silentLog } from '../../src/telemetry/log.ts'
import { createMetrics } from '../../src/telemetry/metrics.ts'

/** A receiver whose queue fails the first put. @param takes the memory of the envelope is another thread's by then */
const setUp = (takes: boolean) => {
  const puts: number[] = []
  const intake = {
    async put({ items, envelope }: EncodedBatch) {
      puts.push(items)
      if (items === 0) return
      if (takes && envelope !== undefined) structuredClone(envelope.data, { transfer: [envelope.data.buffer as ArrayBuffer] })
      throw new BridgeError('OB_QUEUE_BROKEN', 'cannot store')
    },
    stage: () => {
      throw new Error('nothing is staged here')
    },
    refusal: () => undefined,
  }
  const deps = { intake, metrics: createMetrics(), log: silentLog, nowMs: () => 0 }
  const translate = () => ({ received: 1, items: 1, data: new Uint8Array(1), drops: [], notes: [] })
  const receiver = createReceiver({ format: 'zipkin-json', transport: 'http', translate }, deps)
  const envelope = { mirror: 'mirror.zipkin', format: 'zipkin-json', items: 1, data: new Uint8Array(8) }
  return { puts, put: () => receiver.put(translate(), { envelope, optional: true }) }
}

describe('createReceiver, where the new side need not have the data', () => {
  it('gives the old side its part when the queue cannot take the rest', async () => {
    const { put, puts } = setUp(false)
    expect(await put()).toEqual({ items: 0, rejected: 0 })
    expect(puts).toEqual([1, 0])
  })

  it('says so when the bytes are not here any more', async () => {
    const { put, puts } = setUp(true)
    await expect(put()).rejects.toMatchObject({ code: 'OB_QUEUE_BROKEN' })
    expect(puts).toEqual([1])
  })
})
