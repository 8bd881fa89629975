import { describe, expect, it } from 'vitest'
import { checkClocks } from '../../src/preflight/clock.ts'
import { subjectOf, told, worldOf } from './support/subject.ts'

const nowMs = 1_800_000_000_000
const showing = (dateMs: number | undefined) => worldOf({ nowMs: () => nowMs, get: async () => ({ status: 404, dateMs, body: '' }) })
const subject = subjectOf({ emit: { endpoint: 'http://backend:4318' } })

describe('checkClocks', () => {
  it.each([
    [0, 'ok', 'the clocks agree within 2 s'],
    [-1000, 'ok', 'the clocks agree within 2 s'],
    [-30_000, 'warn', 'our clock is 30 s ahead of that of the endpoint'],
    [30_000, 'warn', 'our clock is 31 s behind that of the endpoint'],
    [-3_600_000, 'fail', 'our clock is 3600 s ahead of that of the endpoint'],
  ])('with a clock that shows %i ms more: %s', async (difference, level, seen) => {
    expect(told(await checkClocks(subject, showing(nowMs + difference)))).toEqual([`${level} default, http://backend:4318: ${seen}`])
  })

  it('says nothing of endpoints that show no clock, or do not answer', async () => {
    expect(await checkClocks(subject, showing(undefined))).toEqual([])
    expect(await checkClocks(subject, worldOf())).toEqual([])
  })

  it('does not speak HTTP/1.1 to a gRPC endpoint, but asks the query API', async () => {
    const grpc = subjectOf({ emit: { endpoint: 'http://backend:4317', protocol: 'grpc' } }, { queryUrls: ['http://query:16686'] })
    expect(told(await checkClocks(grpc, showing(nowMs - 60_000)))).toEqual([
      expect.stringMatching(/^warn http:\/\/query:16686: our clock is 60 s ahead/),
    ])
  })
})
