/** Answers of two servers to the same request, member by member. */

import { request as httpRequest } from 'node:http'
import type { BulkCase } from './elasticsearch-bodies.ts'

export interface Answer {
  /** 0 when the connection was closed without an answer. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly text: string
}

/** One member that is not the same. Undefined where a side does not have it. */
export interface AnswerDifference {
  readonly name: string
  /** `status`, `header x`, or `items.0.index.status`; with `#` behind it the order of members. */
  readonly path: string
  readonly real: string | undefined
  readonly ours: string | undefined
  /** Both answers, flat. */
  readonly realAll: ReadonlyMap<string, string>
  readonly oursAll: ReadonlyMap<string, string>
}

const ownHeaders = { 'content-type': 'application/x-ndjson' }

/** Sends a case to a server on the loopback, over a connection of its own. */
export function sendCase(port: number, { body, path = '/_bulk', method = 'POST', headers = ownHeaders }: BulkCase): Promise<Answer> {
  const sent = Buffer.from(body as string)
  return new Promise((resolve) => {
    const lost = (): void => resolve({ status: 0, headers: {}, text: '' })
    const bodyless = method === 'GET' || method === 'HEAD' || method === 'DELETE'
    const length = bodyless ? {} : { 'content-length': String(sent.length) }
    const request = httpRequest({ host: '127.0.0.1', port, path, method, agent: false, headers: { ...length, ...headers } }, (response) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.on('error', lost)
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: Object.fromEntries(Object.entries(response.headers).map(([name, value]) => [name, String(value)])),
          text: Buffer.concat(parts).toString(),
        }),
      )
    })
    request.on('error', lost)
    request.setTimeout(30_000, () => request.destroy())
    request.end(bodyless ? undefined : sent)
  })
}

/** Headers that clients look at. */
const compared = ['content-type', 'x-elastic-product', 'allow', 'x-opaque-id', 'www-authenticate', 'retry-after']

/** What differs from answer to answer of the same server. */
function plainValue(path: string, value: unknown): string {
  if (typeof value === 'number' && /(^|\.)(took|ingest_took|_seq_no)$/.test(path)) return '<number>'
  if (typeof value === 'string' && /\._id$/.test(path) && /^[\w-]{20}$/.test(value)) return '<made>'
  return JSON.stringify(value) ?? 'undefined'
}

function flatten(path: string, value: unknown, into: Map<string, string>): void {
  if (typeof value !== 'object' || value === null) {
    into.set(path, plainValue(path, value))
    return
  }
  into.set(`${path}#`, Array.isArray(value) ? `[${value.length}]` : Object.keys(value).join(' '))
  for (const [name, one] of Object.entries(value)) flatten(path === '' ? name : `${path}.${name}`, one, into)
}

/** An answer as a flat list. */
export function flatAnswer({ status, headers, text }: Answer): ReadonlyMap<string, string> {
  const flat = new Map([['status', String(status)]])
  for (const name of compared) {
    const value = headers[name]
    if (value === undefined) continue
    const plain = value.toLowerCase().replaceAll(' ', '')
    // Its order is another one each time that a node starts.
    flat.set(`header ${name}`, name === 'allow' ? plain.split(',').sort().join() : plain)
  }
  if (text === '') return flat
  try {
    const value: unknown = JSON.parse(text)
    flatten('', value, flat)
    flat.set('layout', text.replace(/"(?:[^"\\]|\\.)*"/g, '""').replace(/\d+/g, '0'))
    if (!text.includes('\n')) flat.set('layout', 'one line')
  } catch {
    flat.set('text', text)
  }
  return flat
}

/** Every member in which two answers differ. */
export function answerDifferences(name: string, real: Answer, ours: Answer): AnswerDifference[] {
  const realAll = flatAnswer(real)
  const oursAll = flatAnswer(ours)
  return [...new Set([...realAll.keys(), ...oursAll.keys()])]
    .filter((path) => realAll.get(path) !== oursAll.get(path))
    .map((path) => ({ name, path, real: realAll.get(path), ours: oursAll.get(path), realAll, oursAll }))
}
