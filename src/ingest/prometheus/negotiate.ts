/** Which message a request says it is: by `Content-Type` alone, never by what is in the body. Section 1.2 of the mapping. */

import type { IncomingMessage } from 'node:http'
import { BridgeError } from '../../errors.ts'
import type { Logger } from '../../telemetry/log.ts'

/** Remote-write 1.0 (`prometheus.WriteRequest`) or 2.0 (`io.prometheus.write.v2.Request`). */
export type Version = 1 | 2

const messages: ReadonlyMap<string, Version> = new Map([
  ['prometheus.WriteRequest', 1],
  ['io.prometheus.write.v2.Request', 2],
])

/** What RFC 9110 calls a token. */
const token = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"

/** One parameter with the semicolon before it; empty ones are allowed. Senders are forgiven blanks around the sign of equality. */
const parameter = new RegExp(`^[ \\t]*;[ \\t]*(?:(${token})[ \\t]*=[ \\t]*(?:(${token})|"((?:[^"\\\\]|\\\\.)*)"))?[ \\t]*`)

/**
 * The message that a `Content-Type` stands for; undefined for everything that is not remote-write, or not well-formed. Absent and empty mean 1.0,
 * whose senders may leave it out.
 */
export function versionOf(contentType: string | undefined): Version | undefined {
  const header = contentType?.trim() ?? ''
  if (header === '') return 1
  const semicolon = header.indexOf(';')
  const type = semicolon < 0 ? header : header.slice(0, semicolon)
  if (type.trim().toLowerCase() !== 'application/x-protobuf') return undefined
  let rest = semicolon < 0 ? '' : header.slice(semicolon)
  let version: Version | undefined = 1
  const seen = new Set<string>()
  while (rest !== '') {
    const found = parameter.exec(rest)
    if (found === null) return undefined
    rest = rest.slice(found[0].length)
    const name = found[1]?.toLowerCase()
    if (name === undefined) continue
    if (seen.has(name)) return undefined
    seen.add(name)
    if (name === 'proto') version = messages.get(found[2] ?? (found[3] ?? '').replace(/\\(.)/g, '$1'))
    if (version === undefined) return undefined
  }
  return version
}

/** Headers that are kept with what they mean; senders write one of a few. */
const keptTypes = 64

/** {@link versionOf}, for headers that come again and again. */
export function createVersions(): (contentType: string | undefined) => Version | undefined {
  const known = new Map<string | undefined, Version | undefined>()
  return (contentType) => {
    const found = known.get(contentType)
    if (found !== undefined || known.has(contentType)) return found
    const version = versionOf(contentType)
    if (known.size < keptTypes) known.set(contentType, version)
    return version
  }
}

/** OB_UNSUPPORTED_TYPE or OB_UNSUPPORTED_ENCODING, both answered with 415; undefined when the request may go on. */
export function headFault(version: Version | undefined, contentEncoding: string | undefined): BridgeError | undefined {
  if (version === undefined) {
    return new BridgeError(
      'OB_UNSUPPORTED_TYPE',
      'cannot read body: its Content-Type is neither application/x-protobuf;proto=prometheus.WriteRequest nor application/x-protobuf;proto=io.prometheus.write.v2.Request',
    )
  }
  if (contentEncoding === undefined || contentEncoding === 'snappy') return undefined
  const word = contentEncoding.trim().toLowerCase()
  if (word === '' || word === 'snappy') return undefined
  return new BridgeError('OB_UNSUPPORTED_ENCODING', 'cannot read body: its Content-Encoding is not snappy, and remote-write has no other')
}

/** Senders that were told of once; beyond it nobody is told of any more. */
const maxSenders = 1000

/**
 * Creates what notices a request whose `X-Prometheus-Remote-Write-Version` says otherwise than its `Content-Type`: it is read by the latter, and
 * said once for each sender.
 */
export function createMismatchLog(log: Pick<Logger, 'warn'>): (request: IncomingMessage, version: Version) => void {
  const told = new Set<string>()
  return (request, version) => {
    const header = request.headers['x-prometheus-remote-write-version']
    if (typeof header !== 'string') return
    const major = /^([0-9]+)(?:\.|$)/.exec(header)?.[1]
    if (version === 2 ? major === '2' : major === '0' || major === '1') return
    const sender = request.socket.remoteAddress ?? ''
    if (told.size >= maxSenders || told.has(sender)) return
    told.add(sender)
    log.warn(
      { sender, contentType: version === 1 ? 'remote-write 1.0' : 'remote-write 2.0' },
      'a sender says another version of remote-write in its header than its Content-Type means; the Content-Type holds',
    )
  }
}
