import { describe, expect, it } from 'vitest'
import { inRequests } from '../../../src/emit/queue/kafka-message.ts'
import type { OutgoingMessage } from '../../../src/net/kafka-producer.ts'

const message = (partition: number, bytes: number, topic = 'spans'): OutgoingMessage => ({
  topic,
  partition,
  value: new Uint8Array(bytes),
  headers: {},
})

describe('inRequests', () => {
  const shape = (messages: readonly OutgoingMessage[]): string[] =>
    inRequests(messages, 100).map((group) => group.map(({ partition, value }) => `${partition}:${value?.length}`).join(' '))

  it.each<[string, OutgoingMessage[], string[]]>([
    ['nothing', [], []],
    ['what fits', [message(0, 50), message(1, 100), message(0, 50)], ['0:50 1:100 0:50']],
    ['two that are too large for one batch of a partition', [message(0, 60), message(0, 60), message(1, 60)], ['0:60', '0:60 1:60']],
    ['one that is too large by itself', [message(0, 300), message(1, 10)], ['0:300 1:10']],
    ['the same partition of two topics', [message(0, 60), message(0, 60, 'logs')], ['0:60 0:60']],
  ])('keeps apart what one partition cannot take at once: %s', (_, messages, groups) => {
    expect(shape(messages)).toEqual(groups)
  })
})
