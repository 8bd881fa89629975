import { describe, expect, it } from 'vitest'
import { createJournal, sentForMs } from '../../../src/ingest/prometheus/journal.ts'

function create() {
  const released: string[] = []
  const journal = createJournal(
    { release: (id) => void released.push(`request ${id}`) },
    { release: (id) => void released.push(`sent ${id}`) },
  )
  return { journal, released: () => released.splice(0) }
}

describe('createJournal', () => {
  it('lets go of requests in the order in which they came, each when nothing of it waits', () => {
    const { journal, released } = create()
    const tokens = [{ open: 2 }, { open: 0 }, { open: 1 }]
    tokens.forEach((token, at) => {
      journal.waits(at + 1, token, 0)
    })
    journal.settle(0)
    expect(released()).toEqual([])
    Object.assign(tokens[0] as object, { open: 0 })
    journal.settle(0)
    expect(released()).toEqual(['request 2'])
    Object.assign(tokens[2] as object, { open: 0 })
    journal.settle(0)
    journal.settle(0)
    expect(released()).toEqual(['request 3'])
  })

  it('remembers what was sent for a while, and as long as a request of before it waits', () => {
    const { journal, released } = create()
    const token = { open: 1 }
    journal.waits(1, token, 1000)
    journal.sent(2, 1500)
    journal.sent(3, 2000)
    journal.settle(1500 + sentForMs)
    expect(released()).toEqual([])
    journal.settle(9000 + sentForMs)
    expect(released()).toEqual([])
    token.open = 0
    journal.settle(1501 + sentForMs)
    expect(released()).toEqual(['request 1', 'sent 2'])
    journal.settle(2001 + sentForMs)
    expect(released()).toEqual(['sent 3'])
  })

  it('takes many, and forgets them', () => {
    const { journal, released } = create()
    for (let at = 1; at <= 1000; at++) {
      journal.waits(at, { open: 0 }, at)
      if (at % 3 === 0) journal.settle(at)
    }
    journal.settle(1000)
    expect(released().at(-1)).toBe('request 1000')
    journal.settle(1001)
    expect(released()).toEqual([])
  })
})
