import { describe, expect, it } from 'vitest'
import { checkLoops } from '../../src/preflight/loops.ts'
import { plannedOf, subjectOf, told, worldOf } from './support/subject.ts'

const endpoints = [
  plannedOf('otlp.http', { transport: 'tcp', host: 'localhost', port: 4318 }),
  plannedOf('jaeger.compact', { transport: 'udp', host: 'localhost', port: 4319 }),
]

describe('checkLoops', () => {
  it('finds a destination that is our own listener', async () => {
    const subject = subjectOf({ emit: { endpoint: 'http://127.0.0.1:4318' } }, { endpoints })
    expect(told(await checkLoops(subject, worldOf()))).toEqual([
      'fail default: http://127.0.0.1:4318/v1/traces is our own ingest.otlp.http',
    ])
  })

  it('lets others be', async () => {
    const subject = subjectOf({ emit: { endpoint: 'http://127.0.0.1:4319' } }, { endpoints })
    expect(await checkLoops(subject, worldOf())).toEqual([])
  })
})
