/** Answers to requests with documents, as Elasticsearch words them; that to `_bulk` itself is in reply-bulk.ts. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BridgeError } from '../../errors.ts'
import { isWaiting } from '../body.ts'
import { discard } from '../exchange.ts'
import type { RequestFault } from './decode-action.ts'
import { faultOf, jsonBytes, requestFaultJson } from './es-errors.ts'
import { createFilter } from './filter-path.ts'
import { productHeader, write } from './handshake-replies.ts'
import { answerType } from './media-type.ts'
import type { DocumentTarget } from './target.ts'

/** Headers of an answer in JSON. */
export function headersFor({ headers }: IncomingMessage): Record<string, string> & { readonly 'content-type': string } {
  const [name, value] = productHeader
  return { [name]: value, 'content-type': answerType(headers.accept, headers['content-type']) }
}

/** Answers with JSON. */
export function sendJson(
  request: IncomingMessage,
  response: ServerResponse,
  target: DocumentTarget,
  status: number,
  value: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const shown = target.filter === '' ? value : (createFilter(target.filter)(value) ?? {})
  const type = answerType(request.headers.accept, request.headers['content-type'])
  write(request, response, status, type, jsonBytes(shown, target.pretty), headers)
}

/** Refuses a request; `filter_path` is for other answers. @param headers more of them, such as `retry-after` */
export function sendFault(
  request: IncomingMessage,
  response: ServerResponse,
  target: DocumentTarget,
  fault: RequestFault,
  headers: Readonly<Record<string, string>> = {},
): void {
  if (fault.status === 413) response.shouldKeepAlive = false
  sendJson(request, response, { ...target, filter: '' }, fault.status, requestFaultJson(fault), headers)
}

/** Refuses a request with one of our errors. @param throttle what a full queue is told with. @returns the status */
export function sendError(
  request: IncomingMessage,
  response: ServerResponse,
  target: DocumentTarget,
  error: BridgeError,
  throttle: 429 | 503 = 429,
): number {
  // Elasticsearch refuses it before anything looks at the request: there is no body, and the connection ends.
  if (error.code === 'OB_LIMIT_BODY' || error.code === 'OB_LIMIT_RATIO') {
    sendTooLarge(request, response)
    return 413
  }
  const { fault, headers } = faultOf(error, throttle)
  sendFault(request, response, target, fault, headers)
  return fault.status
}

function sendTooLarge(request: IncomingMessage, response: ServerResponse): void {
  if (response.headersSent || response.destroyed) return
  response.shouldKeepAlive = false
  const [name, value] = productHeader
  response.writeHead(413, { [name]: value, 'content-length': 0 })
  response.end()
  if (!request.complete && !isWaiting(request)) discard(request)
}
