/**
 * A queued batch as a message, and back.
 *
 * value: an `Export<Signal>ServiceRequest`, or in the topic of envelopes one of them. Headers: `format` and `items` as in the books, `queued_at` in
 * milliseconds, `destinations`: for whom it is, names joined by commas; `account` where a batch has one, in Base64. Messages of others, without
 * headers, are for all destinations.
 */

import type { OutgoingMessage } from '../../net/kafka-producer.ts'
import { headersOf, type KafkaMessage } from '../../net/kafka-records.ts'

export interface MessageHead {
  readonly format: string
  readonly items: number
  readonly queuedAtMs: number
  /** Undefined: all. */
  readonly destinations: readonly string[] | undefined
  readonly account: Uint8Array | undefined
}

/** Format label of what others have written. */
export const foreignFormat = 'otlp-proto'

/** Labels of messages are whatever somebody wrote: at most so many are told apart. */
const mostFormats = 64

const formatPattern = /^[a-z0-9][a-z0-9-]{0,39}$/

const name = (text: string): string => encodeURIComponent(text)

/** The headers of a message of ours. */
export function encodeHead(head: MessageHead): Record<string, string> {
  return {
    format: head.format,
    items: String(head.items),
    queued_at: String(head.queuedAtMs),
    ...(head.destinations === undefined ? {} : { destinations: head.destinations.map(name).join(',') }),
    ...(head.account === undefined ? {} : { account: Buffer.from(head.account).toString('base64') }),
  }
}

/** Reads heads; the formats seen are remembered, so that they do not become too many. @param mayBeEmpty 0 items are believed */
export function createHeadReader(mayBeEmpty = false): (message: KafkaMessage, countItems: (value: Uint8Array) => number) => MessageHead {
  const formats = new Set<string>()

  const formatOf = (text: string | undefined): string => {
    if (text === undefined || !formatPattern.test(text)) return foreignFormat
    if (formats.size < mostFormats) formats.add(text)
    return formats.has(text) ? text : 'other'
  }

  return (message, countItems) => {
    const headers = headersOf(message)
    const textOf = (key: string): string | undefined => {
      const value = headers.get(key)
      return value === undefined ? undefined : Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8')
    }
    const items = Number(textOf('items') ?? Number.NaN)
    const queuedAt = Number(textOf('queued_at') ?? Number.NaN)
    const value = message.value ?? new Uint8Array(0)
    return {
      format: formatOf(textOf('format')),
      // A span takes two bytes at the least, so no true number is larger. An envelope of nothing that could be read has none.
      items: Number.isSafeInteger(items) && items >= 0 && items <= value.length && (items > 0 || mayBeEmpty) ? items : countItems(value),
      queuedAtMs: Number.isSafeInteger(queuedAt) && queuedAt > 0 ? queuedAt : message.timestampMs,
      destinations: textOf('destinations')?.split(',').map(decoded),
      account: accountOf(textOf('account')),
    }
  }
}

/** Characters of an account; ours are some ten. */
const longestAccount = 64 * 1024

function accountOf(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text.length > longestAccount) return undefined
  return new Uint8Array(Buffer.from(text, 'base64'))
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/**
 * Messages that may go together: those for one partition become one record batch, which the brokers refuse as a whole when it is larger than
 * a message may be. In their order; as few groups as that allows.
 */
export function inRequests(messages: readonly OutgoingMessage[], maxBytes: number): readonly (readonly OutgoingMessage[])[] {
  const groups: OutgoingMessage[][] = []
  let bytesOf = new Map<string, number>()
  for (const message of messages) {
    const to = `${message.topic}/${message.partition ?? ''}`
    const bytes = message.value?.byteLength ?? 0
    const before = bytesOf.get(to) ?? 0
    if (groups.length === 0 || (before > 0 && before + bytes > maxBytes)) {
      groups.push([])
      bytesOf = new Map()
    }
    bytesOf.set(to, (bytesOf.get(to) ?? 0) + bytes)
    groups.at(-1)?.push(message)
  }
  return groups
}
