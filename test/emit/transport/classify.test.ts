import { describe, expect, it } from 'vitest'
import {
  classifyFault,
  classifyStatus,
  maxRetryAfterSeconds,
  retryAfterMs,
  retryAfterSeconds,
  worthSplitting,
} from '../../../src/emit/transport/classify.ts'

const nowMs = Date.UTC(2026, 0, 1)

describe('classifyStatus', () => {
  it('retries exactly what the OTLP specification lists', () => {
    const retried = Array.from({ length: 500 }, (_, at) => at + 100).filter((status) => {
      const failure = classifyStatus(status, '', undefined, nowMs)?.failure
      return failure === 'transient' || failure === 'throttled'
    })
    expect(retried).toEqual([429, 502, 503, 504])
  })

  it.each([
    [200, undefined, undefined],
    [202, undefined, undefined],
    [301, undefined, 'permanent'],
    [400, undefined, 'permanent'],
    [401, undefined, 'permanent'],
    [413, undefined, 'permanent'],
    [429, undefined, 'throttled'],
    [500, undefined, 'permanent'],
    [503, undefined, 'transient'],
    [503, '3', 'throttled'],
  ])('%d with Retry-After %s is %s', (status, retryAfter, failure) => {
    expect(classifyStatus(status, '', retryAfter, nowMs)?.failure).toBe(failure)
  })
})

describe('retryAfterSeconds', () => {
  it.each([
    [undefined, 0],
    ['0', 0],
    ['12', 12],
    [' 12 ', 12],
    ['-5', 0],
    ['soon', 0],
    ['99999999999', maxRetryAfterSeconds],
    [new Date(nowMs + 5400).toUTCString(), 5],
    [new Date(nowMs - 5000).toUTCString(), 0],
  ])('%s → %d', (header, seconds) => {
    expect(retryAfterSeconds(header, nowMs)).toBe(seconds)
  })
})

describe('retryAfterMs', () => {
  it('is exact where seconds are rounded up', () => {
    const header = new Date(nowMs + 5000).toUTCString()
    expect([retryAfterMs(header, nowMs + 800), retryAfterSeconds(header, nowMs + 800)]).toEqual([4200, 5])
    expect([retryAfterMs('12', nowMs), retryAfterMs('99999999999', nowMs)]).toEqual([12_000, maxRetryAfterSeconds * 1000])
  })
})

describe('classifyFault', () => {
  const fault = (code: string): Error => Object.assign(new Error('failed'), { code })

  it.each([
    ['ECONNREFUSED', 'connection', false],
    ['ENOTFOUND', 'connection', false],
    ['UND_ERR_CONNECT_TIMEOUT', 'connection', false],
    ['ECONNRESET', 'connection', true],
    ['UND_ERR_SOCKET', 'connection', true],
    ['ETIMEDOUT', 'timeout', true],
    ['CERT_HAS_EXPIRED', 'tls', false],
  ])('%s is transient, for %s; may have arrived: %s', (code, reason, mayHaveArrived) => {
    expect(classifyFault(fault(code))).toMatchObject({ failure: 'transient', reason, mayHaveArrived })
  })

  it.each([
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', /not signed by an authority that is trusted here; see emit\.tls\.ca \(UNABLE_TO_VERIFY/],
    ['CERT_HAS_EXPIRED', /has expired \(CERT_HAS_EXPIRED\)/],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', /failed; see emit\.tls\.cert/],
    ['ERR_SSL_WRONG_VERSION_NUMBER', /does not speak TLS/],
  ])('says of %s what to look at', (code, message) => {
    expect(classifyFault(fault(code))).toMatchObject({ reason: 'tls', mayHaveArrived: false, message: expect.stringMatching(message) })
  })

  it('gives the reason of an OpenSSL fault, not its lines', () => {
    const error = Object.assign(fault('ERR_SSL_X'), { message: '40:error:0A:SSL\n', reason: 'no shared cipher' })
    expect(classifyFault(error).message).toBe('cannot reach the endpoint: no shared cipher (ERR_SSL_X)')
  })

  it('thinks of the client certificate when an https endpoint hangs up before its first answer', () => {
    expect(classifyFault(fault('ECONNRESET'), true).message).toContain('emit.tls.cert')
    expect(classifyFault(fault('ECONNRESET'), false).message).not.toContain('emit.tls.cert')
    expect(classifyFault(fault('ECONNREFUSED'), true).message).not.toContain('emit.tls.cert')
  })

  it('looks into the errors of several addresses', () => {
    const error = new AggregateError([fault('ECONNREFUSED'), fault('ECONNREFUSED')], '')
    expect(classifyFault(error)).toMatchObject({ mayHaveArrived: false, message: expect.stringContaining('ECONNREFUSED') })
  })
})

describe('worthSplitting', () => {
  it.each([
    [400, true],
    [413, true],
    [422, true],
    [500, true],
    [401, false],
    [403, false],
    [404, false],
    [307, false],
  ])('%d: %s', (status, worth) => {
    const error = classifyStatus(status, '', undefined, nowMs)
    expect(error !== undefined && worthSplitting(error)).toBe(worth)
  })
})
