/** The headers of a mirrored request and of the answer to it: those received, and what cutover.md 1.1 says is added, replaced or left out. */

import type { RequestHead } from '../ingest/mirror-door.ts'
import type { Authorization } from './credentials.ts'

/** The name by which a bridge recognises what went out of it: part of `Via`. @param instanceId of the process */
export function viaName(instanceId: string): string {
  return `otlp-bridge-${instanceId
    .replace(/[^0-9a-f]/gi, '')
    .slice(0, 8)
    .toLowerCase()}`
}

export interface HeaderRules {
  /** `1.1 otlp-bridge-…` */
  readonly via: string
  readonly authorization: Authorization
  /** Keep the client's `Host`. */
  readonly passHost: boolean
  /** Send the client's address along. */
  readonly forwarded: boolean
}

/**
 * Names and values in turn, in the order and case in which they came; what we add stands behind. The door has left out what belongs to the
 * connection.
 * @param live the answer goes to the client, who may have it compressed
 */
export function outgoingHeaders(received: readonly string[], from: string, rules: HeaderRules, live: boolean): string[] {
  const headers: string[] = []
  const pass = rules.authorization.mode === 'pass'
  for (let at = 0; at + 1 < received.length; at += 2) {
    const name = received[at] as string
    // Most names are told apart by their length.
    switch (name.length) {
      case 4:
        if (!rules.passHost && name.toLowerCase() === 'host') continue
        break
      case 13:
        if (!pass && name.toLowerCase() === 'authorization') continue
        break
      case 15:
        if (!live && name.toLowerCase() === 'accept-encoding') continue
        break
    }
    headers.push(name, received[at + 1] as string)
  }
  headers.push('Via', rules.via)
  if (rules.authorization.value !== undefined) headers.push('Authorization', rules.authorization.value)
  if (rules.forwarded && from !== '') headers.push('X-Forwarded-For', from)
  return headers
}

/** Headers that belong to one connection, in lower case: they are not passed on. @see RFC 9110, 7.6.1 */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Of a request also what belongs to its framing, which is made anew. */
const dropped: ReadonlySet<string> = new Set([...hopByHop, 'expect', 'content-length', 'http2-settings'])

/** Metadata of gRPC that is said anew for the next hop. */
const droppedMetadata: ReadonlySet<string> = new Set(['grpc-timeout', 'te', 'grpc-accept-encoding', 'content-length', 'connection'])

/** The names in `Connection`, in lower case; undefined without that header. */
function namedByConnection(headers: readonly string[]): ReadonlySet<string> | undefined {
  let named: Set<string> | undefined
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.length !== 10 || headers[at]?.toLowerCase() !== 'connection') continue
    named ??= new Set()
    for (const one of (headers[at + 1] as string).split(',')) named.add(one.trim().toLowerCase())
  }
  return named
}

/** Names seen before, in the case in which they came. */
const rememberedNames = 512

/**
 * Leaves out of a request what is not end-to-end, and `Authorization` unless it is passed on; `Host` and `Accept-Encoding` are for the sender to
 * judge. Names and values in turn; order, case and what comes twice stay as they are.
 */
export function createHeaderFilter(): (head: Pick<RequestHead, 'kind' | 'headers'>, authorization: boolean) => readonly string[] {
  const lower = new Map<string, string>()
  const lowerOf = (name: string): string => {
    let known = lower.get(name)
    if (known === undefined) {
      if (lower.size >= rememberedNames) lower.clear()
      lower.set(name, (known = name.toLowerCase()))
    }
    return known
  }
  return ({ kind, headers }, authorization) => {
    const out = kind === 'grpc' ? droppedMetadata : dropped
    const named = kind === 'grpc' ? undefined : namedByConnection(headers)
    const left: string[] = []
    for (let at = 0; at < headers.length; at += 2) {
      const name = headers[at] as string
      const low = lowerOf(name)
      if (out.has(low) || named?.has(low) === true || low.charCodeAt(0) === 0x3a) continue
      if (low === 'authorization' && !authorization) continue
      left.push(name, headers[at + 1] as string)
    }
    return left
  }
}

/** An answer's headers without those of the connection, and without those that `Connection` names. */
export function endToEnd(headers: readonly string[]): string[] {
  const named = namedByConnection(headers)
  const kept: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] as string
    const lower = name.toLowerCase()
    if (!hopByHop.has(lower) && named?.has(lower) !== true) kept.push(name, headers[at + 1] as string)
  }
  return kept
}

/** Headers of a body that is sent without the Content-Encoding in which it came. Names and values in turn. */
export function withoutEncoding(headers: readonly string[]): string[] {
  const kept: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (headers[at]?.toLowerCase() !== 'content-encoding') kept.push(headers[at] as string, headers[at + 1] as string)
  }
  return kept
}
