/** What senders of documents and of Beats send, and how it is found again at the endpoint: each document by its message. */

import { officialDecode } from '../../support/official-otlp.ts'

/** `CLIENT/REQUEST/NUMBER`. */
export type LogKey = string

const bodyTag = 0x2a
const textTag = 0x0a

/** Messages of all log records of a request, by their lengths alone: the messages of the official library take long for large ones. */
function messagesOf(body: Buffer): LogKey[] {
  const keys: LogKey[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 1; ; shift *= 128) {
      const byte = body[at++] as number
      value += (byte & 0x7f) * shift
      if (byte < 0x80) return value
    }
  }
  /** Calls `found` with the tag of each field of bytes up to `end`, at its content when it has a length. */
  const fields = (end: number, found: (tag: number, end: number) => void): void => {
    while (at < end) {
      const tag = varint()
      switch (tag & 7) {
        case 0:
          varint()
          break
        case 1:
          at += 8
          break
        case 5:
          at += 4
          break
        default: {
          const next = varint() + at
          found(tag, next)
          at = next
        }
      }
    }
  }
  const record = (end: number): void => {
    fields(end, (tag, after) => {
      if (tag !== bodyTag) return
      fields(after, (inner, last) => {
        if (inner === textTag) keys.push(body.toString('latin1', at, last))
      })
    })
  }
  fields(body.length, (_resource, resourceEnd) => {
    fields(resourceEnd, (scopeTag, scopeEnd) => {
      if (scopeTag !== 0x12) return
      fields(scopeEnd, (recordTag, recordEnd) => {
        if (recordTag === 0x12) record(recordEnd)
      })
    })
  })
  return keys
}

interface Decoded {
  readonly resourceLogs?: readonly { readonly scopeLogs?: readonly { readonly logRecords?: readonly unknown[] }[] }[]
}

/** For an endpoint that remembers log records. */
export const logsReading = {
  keysOf: messagesOf,
  countOf: (body: Buffer): number =>
    ((officialDecode(body, 'logs') as Decoded).resourceLogs ?? []).reduce(
      (sum, { scopeLogs = [] }) => sum + scopeLogs.reduce((inner, { logRecords = [] }) => inner + logRecords.length, 0),
      0,
    ),
}

const filler = 'some words of a log line; '

/** A document of about so many bytes. */
export const documentOf = (key: LogKey, bytes: number): string =>
  `{"@timestamp":"2024-05-01T10:00:00.123Z","message":"${key}","log":{"level":"info"},"filler":"${filler.repeat(Math.ceil(bytes / filler.length)).slice(0, bytes)}"}`

const action = '{"create":{"_index":"logs-crash-default"}}\n'

/** Lines of a body of `_bulk`. */
export const bulkOf = (keys: readonly LogKey[], bytes: number): string => keys.map((key) => `${action}${documentOf(key, bytes)}\n`).join('')
