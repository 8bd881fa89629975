import { createServer } from 'node:net'
import { describe, expect, it, onTestFinished } from 'vitest'
import { checkKafka } from '../../src/preflight/kafka.ts'
import { subjectOf, worldOf } from './support/subject.ts'

describe('checkKafka', () => {
  it('asks nobody where Kafka is not configured', async () => {
    expect(await checkKafka(subjectOf({}), worldOf())).toEqual([])
  })

  it('says that nobody answers', async () => {
    const subject = subjectOf({ ingest: { kafka: { brokers: ['127.0.0.1:1'] } } }, { timeoutMs: 1000 })
    const findings = await checkKafka(subject, worldOf())
    expect(findings).toMatchObject([
      { level: 'fail', about: 'ingest.kafka', remote: true, seen: expect.stringMatching(/^cannot ask 127\.0\.0\.1:1: .*ECONNREFUSED/) },
    ])
  })

  it('does not wait for ever for a port that says nothing', async () => {
    const server = createServer(() => {})
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const at = server.address()
    const port = typeof at === 'object' && at !== null ? at.port : 0
    const subject = subjectOf({ ingest: { kafka: { brokers: [`127.0.0.1:${port}`] } } }, { timeoutMs: 300 })
    expect(await checkKafka(subject, worldOf())).toMatchObject([{ level: 'fail', remote: true }])
  })

  it('names a certificate file that cannot be used', async () => {
    const subject = subjectOf({ ingest: { kafka: { brokers: ['127.0.0.1:1'], tls: { ca: '/absent' } } } })
    expect(await checkKafka(subject, worldOf())).toMatchObject([
      { level: 'fail', seen: expect.stringContaining('ingest.kafka.tls.ca (/absent)') },
    ])
  })
})
