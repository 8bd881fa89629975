import { describe, expect, it } from 'vitest'
import { Writing } from '../../support/writing.ts'

describe('ha.enabled', () => {
  it('forwards the replica that was heard first, and the other once that one is silent', () => {
    const w = new Writing({ ha: { enabled: true, timeout: 10_000 } })
    const send = (replica: string): (string | undefined)[] =>
      w
        .write(1, [{ labels: `up{cluster="c",__replica__="${replica}"}`, samples: [[w.nowMs, 1]] }])
        .map(({ attributes }) => JSON.stringify(attributes))
    const forwarded = ['{"cluster":"c"}']
    // The first is heard for longer than the timeout: each of its requests counts.
    for (let second = 0; second < 20; second++) {
      expect([second, send('a'), send('b')]).toEqual([second, forwarded, []])
      w.nowMs += 1000
    }
    w.nowMs += 8000
    expect(send('b')).toEqual([])
    w.nowMs += 1000
    expect(send('b')).toEqual(forwarded)
    // The first is back, and is the other now.
    expect(send('a')).toEqual([])
  })
})
