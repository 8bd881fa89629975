/** What received data looks like where its values must not be seen: structure and names stay, values become their type, length and hash. */

import { createHash } from 'node:crypto'

/** The same text gives the same hash within this process, so that equal values can be told from others. */
const hashOf = (text: string | Uint8Array): string => createHash('sha256').update(text).digest('hex').slice(0, 8)

/** Fields of OTLP that hold no content: ids, times, kinds, and the names of attributes. */
const harmless = new Set([
  'traceId',
  'spanId',
  'parentSpanId',
  'startTimeUnixNano',
  'endTimeUnixNano',
  'timeUnixNano',
  'observedTimeUnixNano',
  'kind',
  'key',
  'code',
  'flags',
  'unit',
  'schemaUrl',
  'severityNumber',
  'aggregationTemporality',
  'isMonotonic',
])

const maxDepth = 200

/** `text 12 · 9f31c0a4`. */
const maskText = (text: string): string => `text ${text.length} · ${hashOf(text)}`

/** A JSON value masked. @param keep true for OTLP, whose harmless fields stay */
export function maskJson(value: unknown, keep: boolean, depth = 0): unknown {
  if (depth > maxDepth) return 'nested deeper'
  if (Array.isArray(value)) return value.map((one) => maskJson(one, keep, depth + 1))
  if (typeof value === 'string') return maskText(value)
  if (typeof value !== 'object' || value === null) return value === null ? null : typeof value
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      keep && harmless.has(name) && (typeof one !== 'object' || one === null) ? one : maskJson(one, keep, depth + 1),
    ]),
  )
}

/** A body masked: JSON, and JSON by the line, keep their structure; of anything else only size and hash are said. */
export function maskBody(text: string | undefined, body: Uint8Array): string {
  const whole = text === undefined ? undefined : parsed(text)
  if (whole !== undefined) return JSON.stringify(maskJson(whole.value, false))
  const lines = text?.split('\n').filter((line) => line.trim() !== '') ?? []
  const values = lines.map(parsed)
  if (values.length > 1 && values.every((one) => one !== undefined))
    return values.map((one) => JSON.stringify(maskJson(one?.value, false))).join('\n')
  return `bytes ${body.length} · ${hashOf(body)}`
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch {
    return undefined
  }
}

/** Rather too many than one too few: who looks inside looks at the body. */
const secret = /auth|cookie|token|secret|passw|credential|session|signature|key/i
const shown = new Set(['content-type', 'content-encoding', 'content-length', 'user-agent', 'host', 'accept', 'accept-encoding'])

/** Headers without credentials; masked, those that describe the transport alone. @param headers names and values in turn */
export function safeHeaderPairs(headers: readonly string[], masked: boolean): [string, string][] {
  const pairs: [string, string][] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const [name = '', value = ''] = [headers[at], headers[at + 1]]
    const hide = secret.test(name) || (masked && !shown.has(name.toLowerCase()))
    pairs.push([name, hide ? '***' : value])
  }
  return pairs
}
