/** Answers as the specification of remote-write means them. Section 2 of the mapping. */

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { BridgeError } from '../../errors.ts'
import { replyText, retryAfter } from '../http.ts'
import type { PrometheusConfig } from './config.ts'
import type { Version } from './negotiate.ts'
import type { WriteReceipt, WriteRefusal } from './remote-write.ts'

/** Senders write the text of a refusal into their logs as it is. */
const maxTextBytes = 4096
const maxLineBytes = 600

/** What 2.0 is told of what was written. */
type Written = Pick<WriteReceipt, 'samples' | 'histograms' | 'exemplars'>

const nothing: Written = { samples: 0, histograms: 0, exemplars: 0 }

const writtenHeaders = ({ samples, histograms, exemplars }: Written): Record<string, string> => ({
  'x-prometheus-remote-write-samples-written': String(samples),
  'x-prometheus-remote-write-histograms-written': String(histograms),
  'x-prometheus-remote-write-exemplars-written': String(exemplars),
})

/** The first bytes of a text as one line: no part of a character, nothing that a terminal obeys. */
function lineOf(text: string, maxBytes: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: what senders put into a label must not reach a log
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  const bytes = Buffer.from(plain)
  if (bytes.length <= maxBytes) return plain
  let end = maxBytes - 3
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--
  return `${bytes.toString('utf8', 0, end)}...`
}

/** One line a reason, with how many samples and the first of them: at most 4 KiB, however many series were refused. */
export function refusalText(reasons: readonly WriteRefusal[]): string {
  let text = ''
  let bytes = 0
  for (const [at, { reason, count, example }] of reasons.entries()) {
    const what = count === 0 ? '' : `${count} ${count === 1 ? 'sample' : 'samples'} `
    const line = `${lineOf(`${what}refused (${reason}): ${example}`, maxLineBytes)}\n`
    bytes += Buffer.byteLength(line)
    // Room for the last line.
    if (bytes > maxTextBytes - 64) return `${text}and ${reasons.length - at} more reasons\n`
    text += line
  }
  return text
}

/** Prometheus and the Collector's exporter, unless told otherwise, give up data that is answered with 429. */
const givesUpOn429 = /^(prometheus|opentelemetry|otelcol)/i

/** Whether a sender that is to come back is told so by 429; by 503 otherwise. */
function mayThrottle(whenFull: PrometheusConfig['whenFull'], userAgent: string | undefined): boolean {
  if (whenFull === 'auto') return userAgent === undefined || !givesUpOn429.test(userAgent)
  return whenFull === 'throttle'
}

/** Status of a refusal. Never 5xx for what can never succeed: its sender would come back with it for ever. */
export function statusOf(error: BridgeError, throttle: boolean): number {
  switch (error.code) {
    case 'OB_UNSUPPORTED_TYPE':
      return 415
    case 'OB_QUEUE_FULL':
    case 'OB_SEND_THROTTLED':
      return throttle ? 429 : 503
    case 'OB_SEND_TRANSIENT':
      return 503
    case 'OB_SEND_PERMANENT':
      return 400
    default:
      return error.http
  }
}

/** Answers a request of which something, or nothing, was refused: 204, or 400 with what the sender must not send again. */
export function replyReceipt(response: ServerResponse, version: Version, receipt: WriteReceipt): void {
  // Senders of 1.0 are never to see them: they would take it for 2.0.
  const headers = version === 2 ? writtenHeaders(receipt) : {}
  if (receipt.reasons.length > 0) {
    replyText(response, 400, refusalText(receipt.reasons), headers)
    return
  }
  response.writeHead(204, headers)
  response.end()
}

/**
 * Answers a request of which nothing was taken.
 * @param decoded true when its body could be decompressed: 2.0 is told then that nothing was written
 */
export function replyError(
  request: IncomingMessage,
  response: ServerResponse,
  version: Version | undefined,
  error: BridgeError,
  decoded: boolean,
  whenFull: PrometheusConfig['whenFull'],
): void {
  const status = statusOf(error, mayThrottle(whenFull, request.headers['user-agent']))
  const headers = version === 2 && decoded && status !== 415 ? writtenHeaders(nothing) : {}
  const lines = error.message.split('\n').filter((line) => line.trim() !== '')
  const text = lines.map((line) => lineOf(line, maxLineBytes)).join('\n')
  replyText(response, status, `${text.length > maxTextBytes ? lineOf(text, maxTextBytes - 1) : text}\n`, {
    ...headers,
    ...retryAfter(error),
  })
}
