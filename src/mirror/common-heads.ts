/**
 * What the heads of one sender's requests have in common: all but id, time and place. It is made into JSON once a connection and set of headers, and
 * read from it once, since a head costs more than the body of a small request otherwise.
 */

import type { RequestHead } from '../ingest/mirror-door.ts'
import { type CommonHead, encodeCommonHead } from './envelope.ts'

/** Connections that are remembered. */
const mostKnown = 256

/** Longer ones are made anew each time. */
const longestKnown = 4096

interface Known {
  readonly of: RequestHead
  /** Where the value of `Content-Length` stands, which is no part of a head; -1 without one. */
  readonly lengthAt: number
  readonly bytes: Uint8Array
}

const lengthPlace = (headers: readonly string[]): number => {
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at] as string
    if (name.length === 14 && name.toLowerCase() === 'content-length') return at + 1
  }
  return -1
}

function isSame({ of, lengthAt }: Known, head: RequestHead): boolean {
  const { headers } = head
  if (of.headers.length !== headers.length || of.kind !== head.kind || of.method !== head.method) return false
  if (of.target !== head.target || of.address !== head.address) return false
  for (let at = 0; at < headers.length; at++) if (of.headers[at] !== headers[at] && at !== lengthAt) return false
  return true
}

/**
 * Gives the JSON of what a request's head has in common with those before it of its connection.
 * @param make what that is; depends on nothing but the request's head, and not on the value of `Content-Length`
 */
export function createCommonHeads(make: (head: RequestHead) => CommonHead): (head: RequestHead) => Uint8Array {
  const byConnection = new Map<string, Known>()
  return (head) => {
    const known = byConnection.get(head.connection)
    if (known !== undefined && isSame(known, head)) return known.bytes
    const bytes = encodeCommonHead(make(head))
    if (bytes.length <= longestKnown) {
      if (known === undefined && byConnection.size >= mostKnown) byConnection.clear()
      byConnection.set(head.connection, { of: head, lengthAt: lengthPlace(head.headers), bytes })
    }
    return bytes
  }
}
