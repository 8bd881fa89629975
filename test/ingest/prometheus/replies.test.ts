import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, it } from 'vitest'
import { BridgeError, type ErrorCode } from '../../../src/errors.ts'
import type { Version } from '../../../src/ingest/prometheus/negotiate.ts'
import type { WriteReceipt } from '../../../src/ingest/prometheus/remote-write.ts'
import { refusalText, replyError, replyReceipt, statusOf } from '../../../src/ingest/prometheus/replies.ts'

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

const answered = (reply: (response: ServerResponse) => void): Answer => {
  const answer: Answer = { status: 0, headers: {}, text: '' }
  reply({
    writeHead(status: number, headers: Record<string, unknown>) {
      Object.assign(answer, { status, headers })
    },
    end(body?: Buffer) {
      answer.text = body?.toString() ?? ''
    },
  } as unknown as ServerResponse)
  return answer
}

const names = ['samples', 'histograms', 'exemplars'].map((one) => `x-prometheus-remote-write-${one}-written`)
const written = ({ headers }: Answer): unknown[] => names.map((name) => headers[name])

const receipt = (over: Partial<WriteReceipt> = {}): WriteReceipt => ({
  items: 3,
  rejected: 0,
  samples: 3,
  histograms: 2,
  exemplars: 1,
  reasons: [],
  ...over,
})

describe('replyReceipt', () => {
  it('tells 2.0 how much was written, and 1.0 nothing', () => {
    const two = answered((response) => replyReceipt(response, 2, receipt()))
    expect([two.status, two.text, written(two)]).toEqual([204, '', ['3', '2', '1']])
    const one = answered((response) => replyReceipt(response, 1, receipt()))
    expect([one.status, one.text, one.headers]).toEqual([204, '', {}])
  })

  it.each<[Version, unknown[]]>([
    [1, [undefined, undefined, undefined]],
    [2, ['3', '2', '1']],
  ])('answers %d.0 with 400, the reasons and what was written all the same', (version, counts) => {
    const reasons = [{ reason: 'duplicate_label', count: 2, example: 'up{a="1"}: label a comes twice' }]
    const answer = answered((response) => replyReceipt(response, version, receipt({ rejected: 2, reasons })))
    expect([answer.status, answer.text, written(answer)]).toEqual([
      400,
      '2 samples refused (duplicate_label): up{a="1"}: label a comes twice\n',
      counts,
    ])
    expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
  })

  it('refuses what has no sample, too: an exemplar alone', () => {
    const reasons = [{ reason: 'exemplar_without_sample', count: 0, example: 'up: has no sample' }]
    const answer = answered((response) => replyReceipt(response, 2, receipt({ reasons })))
    expect([answer.status, answer.text]).toEqual([400, 'refused (exemplar_without_sample): up: has no sample\n'])
  })
})

describe('refusalText', () => {
  it('stays within 4 KiB, cuts no character, and says how many reasons are left out', () => {
    const reasons = Array.from({ length: 40 }, (_, n) => ({ reason: `r${n}`, count: 1, example: '\u20ac'.repeat(3000) }))
    const text = refusalText(reasons)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(4096)
    expect(text).not.toContain('\ufffd')
    expect(text).toMatch(/^1 sample refused \(r0\): \u20ac+\.\.\.\n/)
    expect(text).toMatch(/\nand 34 more reasons\n$/)
  })

  it('leaves nothing in it that would begin a line in a log, or move a cursor', () => {
    const text = refusalText([{ reason: 'x', count: 1, example: 'a\nlevel=error\r\u001b[2Jb\u0085c\u2028d' }])
    expect(text).toBe('1 sample refused (x): a level=error [2Jb c d\n')
  })
})

describe('statusOf', () => {
  it.each<[ErrorCode, number]>([
    ['OB_UNSUPPORTED_TYPE', 415],
    ['OB_UNSUPPORTED_ENCODING', 415],
    ['OB_DECODE_ENCODING', 400],
    ['OB_DECODE_PROTO', 400],
    ['OB_DECODE_SYMBOLS', 400],
    ['OB_TENANT', 400],
    ['OB_ALL_REJECTED', 400],
    ['OB_LIMIT_BODY', 413],
    ['OB_LIMIT_ITEMS', 413],
    ['OB_AUTH', 401],
    ['OB_QUEUE_FULL', 429],
    ['OB_SEND_THROTTLED', 429],
    ['OB_QUEUE_BROKEN', 503],
    ['OB_STOPPING', 503],
    ['OB_SEND_TRANSIENT', 503],
    ['OB_SEND_PERMANENT', 400],
    ['OB_INTERNAL', 500],
  ])('answers %s with %d', (code, status) => {
    expect(statusOf(new BridgeError(code, 'x'), true)).toBe(status)
  })
})

describe('replyError', () => {
  const reply = (
    code: ErrorCode,
    { version = 2 as Version | undefined, decoded = true, agent = '' as string | undefined, whenFull = 'auto' as const } = {},
    message = 'cannot',
  ): Answer =>
    answered((response) => {
      const request = { headers: agent === undefined ? {} : { 'user-agent': agent } } as IncomingMessage
      replyError(request, response, version, new BridgeError(code, message, { retryAfterSeconds: 2.5 }), decoded, whenFull)
    })

  it('tells 2.0 that nothing was written of what could be decompressed', () => {
    expect(written(reply('OB_DECODE_SYMBOLS'))).toEqual(['0', '0', '0'])
    expect(written(reply('OB_QUEUE_FULL'))).toEqual(['0', '0', '0'])
    expect(written(reply('OB_INTERNAL'))).toEqual(['0', '0', '0'])
  })

  it('says nothing of it to 1.0, before decompression, or with 415', () => {
    const none = [undefined, undefined, undefined]
    expect(written(reply('OB_QUEUE_FULL', { version: 1 }))).toEqual(none)
    expect(written(reply('OB_DECODE_ENCODING', { decoded: false }))).toEqual(none)
    expect(written(reply('OB_UNSUPPORTED_TYPE', { version: undefined }))).toEqual(none)
    expect(written(reply('OB_UNSUPPORTED_ENCODING'))).toEqual(none)
  })

  it('says when to come back to those who may', () => {
    expect(reply('OB_QUEUE_FULL').headers['retry-after']).toBe('3')
    expect(reply('OB_STOPPING').headers['retry-after']).toBe('3')
    expect(reply('OB_DECODE_PROTO').headers['retry-after']).toBeUndefined()
  })

  it.each([
    ['Prometheus/2.42.0', 503],
    ['Prometheus/3.8.0', 503],
    ['opentelemetry-collector-contrib/0.141.0', 503],
    ['vmagent', 429],
    ['Alloy/v1.10.0', 429],
    [undefined, 429],
  ])('never tells a sender to throttle that would drop the data: %s', (agent, status) => {
    expect(reply('OB_QUEUE_FULL', { agent }).status).toBe(status)
  })

  it.each([
    ['throttle', 429],
    ['unavailable', 503],
  ])('does as it is told by whenFull: %s', (whenFull, status) => {
    for (const agent of ['Prometheus/3.8.0', 'vmagent']) {
      expect(reply('OB_QUEUE_FULL', { agent, whenFull: whenFull as 'auto' }).status).toBe(status)
    }
  })

  it('keeps lines apart and the whole short', () => {
    expect(reply('OB_ALL_REJECTED', {}, 'one\n\ntwo\u0007\n').text).toBe('one\ntwo\n')
    expect(Buffer.byteLength(reply('OB_ALL_REJECTED', {}, 'x'.repeat(500).concat('\n').repeat(100)).text)).toBeLessThanOrEqual(4096)
  })
})
