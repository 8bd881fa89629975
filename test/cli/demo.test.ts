import { describe, expect, it } from 'vitest'
import { demo } from '../../src/cli/demo.ts'
import { createTestIo } from './support/test-io.ts'

describe('demo', () => {
  it('sends every recorded request through every endpoint and loses nothing', async () => {
    const io = createTestIo()
    const code = await demo({ json: true }, io)
    const result = JSON.parse(io.stdout())
    // One line of what is sent, nothing of what was refused.
    expect(io.stderr().trim().split('\n')).toHaveLength(1)
    expect(code).toBe(0)
    expect(result.ok).toBe(true)
    // The old side gets the same bytes.
    expect(result.mirror.requests).toBeGreaterThan(100)
    expect(result.mirror.identical).toBe(result.mirror.requests)
    expect(result.formats.map((row: { format: string }) => row.format).sort()).toEqual([
      'beats',
      'es-bulk',
      'jaeger-proto',
      'jaeger-thrift-binary',
      'jaeger-thrift-compact',
      'prometheus',
      'zipkin-json',
      'zipkin-proto',
      'zipkin-thrift',
    ])
    for (const row of result.formats) {
      // Of samples several become one point where they are members of a histogram.
      const points = row.format === 'prometheus' ? row.delivered : row.sent
      expect(row).toMatchObject({ received: row.sent, translated: points, delivered: points, lost: 0, open: 0, held: 0 })
      expect(points).toBeGreaterThan(0)
    }
    // Sixty thousand items: some 6 s, more where other tests have the processors.
  }, 60_000)

  it('ends with 130 when it is interrupted before its table', async () => {
    const io = createTestIo()
    io.interrupt()
    expect(await demo({}, io)).toBe(130)
    expect(io.stdout()).toBe('')
  })
})
