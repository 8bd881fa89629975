import { describe, expect, it } from 'vitest'
import { createCloseTimes, patienceFor } from '../../../src/ingest/elasticsearch/back-pressure.ts'
import { elasticsearchConfig } from '../../../src/ingest/elasticsearch/config.ts'

const config = (own: object = {}) => elasticsearchConfig.parse({ backpressure: own }).backpressure

const of = (agent: string | undefined, own: object = {}, meta?: string) => {
  const { holdMs, answer } = patienceFor({ agent, meta }, config(own))
  return [holdMs, answer]
}

describe('patienceFor', () => {
  it.each([
    ['Elastic-filebeat/7.17.29 (linux; amd64)', 8000, 429],
    ['elastic-agent/8.11.0', 8000, 429],
    ['Logstash/8.2.0 (OS=Linux)', 8000, 429],
    ['syslog-ng 3.38.1/libcurl 7.88.1', 8000, 429],
    ['elastic/7.0.32 (linux-amd64)', 8000, 429],
    ['elasticsearch-py/8.19.3 (Python/3.11)', 8000, 429],
    ['elasticsearch-py/9.5.1 (Python/3.11)', 8000, 429],
    ['elasticsearch-py/7.17.13 (Python 3.11)', 8000, 503],
    ['go-elasticsearch/8.19.7 (linux amd64)', 8000, 503],
    ['elasticsearch-js/8.19.2 (linux 6.1)', 8000, 'items'],
    ['elastic-java/8.19.12 (Java/17)', 25_000, 429],
    ['Java/17.0.1', 25_000, 429],
    ['curl/8.0', 8000, 429],
    [undefined, 8000, 'close'],
    ['', 8000, 'close'],
  ])('%s waits %i ms, then gets %s', (agent, holdMs, answer) => {
    expect(of(agent)).toEqual([holdMs, answer])
  })

  it('does not close on clients of Elastic that hide their name', () => {
    expect(of(undefined, {}, 'es=8.19.2,js=24')).toEqual([8000, 429])
  })

  it('gives everyone what the configuration says', () => {
    expect(of(undefined, { answer: 503 })).toEqual([8000, 503])
    expect(of('Java/17', { answer: 'items', hold: '1s' })).toEqual([1000, 'items'])
    expect(of('elastic-java/8', { hold: '40s' })).toEqual([40_000, 429])
    expect(of('elastic-java/8', { hold: 0 })).toEqual([0, 429])
  })
})

describe('createCloseTimes', () => {
  it('closes one connection a second of each peer', () => {
    let now = 5000
    const closeIn = createCloseTimes(() => now)
    expect([closeIn('a'), closeIn('a'), closeIn('b'), closeIn('a')]).toEqual([0, 1000, 0, 2000])
    now += 2500
    expect([closeIn('a'), closeIn('b'), closeIn('b')]).toEqual([500, 0, 1000])
    now += 10_000
    expect(closeIn('a')).toBe(0)
  })

  it('remembers a bounded number of peers, the last ones', () => {
    const closeIn = createCloseTimes(() => 0)
    for (let peer = 0; peer <= 1000; peer++) closeIn(`peer ${peer}`)
    expect([closeIn('peer 0'), closeIn('peer 1000')]).toEqual([0, 1000])
  })
})
