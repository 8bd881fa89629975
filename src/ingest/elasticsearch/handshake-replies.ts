/** Answers to everything but documents: JSON as `pretty` and `filter_path` want it, tables, errors in Elasticsearch's form. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isWaiting } from '../body.ts'
import { discard, headerOf, pathOf } from '../exchange.ts'
import type { Guard } from '../guard.ts'
import { jsonBytes } from './es-errors.ts'
import { createFilter } from './filter-path.ts'
import { answerType } from './media-type.ts'

/** Header that clients from 7.14 on want to see on every answer, or they will not talk to the server. */
export const productHeader = ['X-Elastic-Product', 'Elasticsearch'] as const

/** What a 401 names: all that shippers know. Two headers, as Elasticsearch sends them. */
export const challenges: readonly string[] = ['Basic realm="security", charset="UTF-8"', 'ApiKey']

/** A request that is no document, read. */
export interface Asked {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  /** `GET` for `HEAD`, too: node leaves the body of the answer out. */
  readonly method: string
  /** As it came, without query. */
  readonly path: string
  /** Of the path, below the prefix, decoded; empty ones are left out. */
  readonly segments: readonly string[]
  readonly query: URLSearchParams
}

/** Text of JSON that is sent as it is unless `pretty` or `filter_path` want it otherwise. */
export interface JsonText {
  readonly json: string
}

const noQuery = new URLSearchParams()

/** Longer paths are cut where they are shown. */
const shownPath = 256

/** Reads the target of a request; undefined for one that cannot be decoded. @param prefix without slash at its end */
export function readTarget(request: IncomingMessage, response: ServerResponse, prefix: string): Asked | 'elsewhere' | undefined {
  const [path = '/', ...rest] = pathOf(request.url ?? '/').split('?')
  if (prefix !== '' && path !== prefix && !path.startsWith(`${prefix}/`)) return 'elsewhere'
  const method = request.method === 'HEAD' ? 'GET' : (request.method ?? 'GET')
  const query = rest.length === 0 ? noQuery : new URLSearchParams(rest.join('?'))
  try {
    const segments = path
      .slice(prefix.length)
      .split('/')
      .filter((one) => one !== '')
      .map(decodeURIComponent)
    return { request, response, method, path: path.slice(0, shownPath), segments, query }
  } catch {
    return undefined
  }
}

/** `?name`, `?name=true`. */
export const isSet = (query: URLSearchParams, name: string): boolean => {
  const value = query.get(name)
  return value === '' || value === 'true'
}

const hasBody = ({ headers }: IncomingMessage): boolean =>
  headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined

/** Answers with bytes; what still comes of the body is thrown away. */
export function write(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  body: Buffer,
  headers: Readonly<Record<string, string | readonly string[]>> = {},
): void {
  if (response.headersSent || response.destroyed) return
  if (isWaiting(request)) response.shouldKeepAlive = false
  response.setHeader(...productHeader)
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  response.writeHead(status, { 'content-type': type, 'content-length': body.length })
  response.end(body)
  if (hasBody(request) && !request.complete) discard(request)
}

const typeFor = ({ headers }: IncomingMessage): string => answerType(headers.accept, headers['content-type'])

/** Larger ones are neither indented nor filtered: either needs many times their size. */
export const largestParsed = 4 * 1024 * 1024

/** Answers with JSON. Text of more than {@link largestParsed} must not come here when {@link isParsed}. */
export function replyJson(
  asked: Asked,
  status: number,
  value: object,
  headers?: Readonly<Record<string, string | readonly string[]>>,
): void {
  const { request, response, query } = asked
  const filter = query.get('filter_path')
  const pretty = isSet(query, 'pretty')
  let body: Buffer
  if ('json' in value && typeof value.json === 'string') {
    body =
      !pretty && (filter === null || filter === '') ? Buffer.from(value.json) : shaped(JSON.parse(value.json) as object, filter, pretty)
  } else body = shaped(value, filter, pretty)
  write(request, response, status, typeFor(request), body, headers)
}

function shaped(value: object, filter: string | null, pretty: boolean): Buffer {
  return jsonBytes(filter === null || filter === '' ? value : ((createFilter(filter)(value) ?? {}) as object), pretty)
}

/** Whether an answer in JSON has to be read again to be sent. */
export const isParsed = ({ query }: Asked): boolean => isSet(query, 'pretty') || (query.get('filter_path') ?? '') !== ''

export const acknowledged: JsonText = { json: '{"acknowledged":true}' }

/** Answers with a table. */
export function replyText({ request, response }: Asked, text: string): void {
  write(request, response, 200, 'text/plain; charset=UTF-8', Buffer.from(text))
}

/** Answers without a body that is looked at: `OPTIONS`. */
export function replyAllowed({ request, response }: Asked, allow: string): void {
  write(request, response, 200, 'text/plain; charset=UTF-8', Buffer.alloc(0), { allow })
}

/** An error as clients read it: type and reason on both levels. @param details more members, such as `index` */
export function errorObject(status: number, type: string, reason: string, details: object = {}): object {
  const cause = { type, reason, ...details }
  return { error: { root_cause: [cause], ...cause }, status }
}

/** Answers with an error. */
export function replyError(asked: Asked, status: number, type: string, reason: string, details?: object): void {
  replyJson(asked, status, errorObject(status, type, reason, details))
}

/** The same where nothing of the request but its headers is to be believed. */
export function replyRawError(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  type: string,
  reason: string,
  headers?: Readonly<Record<string, string | readonly string[]>>,
): void {
  write(request, response, status, typeFor(request), jsonBytes(errorObject(status, type, reason), false), headers)
}

/** 401 in Elasticsearch's form. */
export function replyUnauthorized(request: IncomingMessage, response: ServerResponse): void {
  const uri = (request.url ?? '/').slice(0, shownPath)
  const known = request.headers.authorization === undefined ? 'missing authentication credentials for' : 'unable to authenticate'
  const details = { header: { 'WWW-Authenticate': challenges } }
  const body = jsonBytes(errorObject(401, 'security_exception', `${known} REST request [${uri}]`, details), false)
  write(request, response, 401, typeFor(request), body, { 'www-authenticate': challenges })
}

export function replyIndexMissing(asked: Asked, index: string): void {
  replyError(asked, 404, 'index_not_found_exception', `no such index [${index}]`, {
    'resource.type': 'index_or_alias',
    'resource.id': index,
    index_uuid: '_na_',
    index,
  })
}

/** Whether a request may go on; when not, it is answered. The same holds for every path: Beats take a 401 for the licence as the last word. */
export function mayPass(guard: Guard | undefined, request: IncomingMessage, response: ServerResponse): boolean {
  if (guard === undefined || guard.isOpen(pathOf(request.url ?? '/').split('?', 1)[0] ?? '')) return true
  if (guard.refusal((name) => headerOf(request, name)) === undefined) return true
  replyUnauthorized(request, response)
  return false
}
