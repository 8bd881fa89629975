import { describe, expect, it } from 'vitest'
import { BridgeError } from '../../src/errors.ts'
import { logFromOtelEnv } from '../../src/telemetry/config.ts'
import { createLog, createRateLimitedLog, type Logger, silentLog } from '../../src/telemetry/log.ts'

const capture = () => {
  const lines: string[] = []
  return { lines, target: { write: (line: string) => void lines.push(line) } }
}

describe('createLog', () => {
  it('writes JSON lines off a terminal, secrets masked', () => {
    const { lines, target } = capture()
    const log = createLog({ level: 'info', format: 'auto', terminal: false, target })
    log.info({ port: 9411, headers: { authorization: 'Bearer x' }, emit: { token: 'y' } }, 'listening')
    log.debug({}, 'not written')
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'info', msg: 'listening', port: 9411, headers: '***', emit: { token: '***' } },
    ])
    expect(lines[0]).not.toContain('Bearer')
  })

  it('is pretty on a terminal: code and message of our errors without their stack', () => {
    const { lines, target } = capture()
    const log = createLog({ level: 'info', format: 'pretty', terminal: false, target })
    log.error({ error: new BridgeError('OB_LISTEN', 'cannot listen'), port: 1 }, 'stopped')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ERROR stopped {2}error="OB_LISTEN: cannot listen" port=1\n$/)
  })

  it('keeps the stack of an error that is not ours', () => {
    const { lines, target } = capture()
    createLog({ level: 'info', format: 'pretty', terminal: false, target }).error({ error: new TypeError('oops') }, 'stopped')
    expect(lines[0]).toContain('log.test.ts')
  })
})

describe('createRateLimitedLog', () => {
  it('writes one line a second of each message, then one with the number of the others', () => {
    const said: [object, string][] = []
    const log: Logger = { ...silentLog, warn: (fields, message) => void said.push([fields, message]) }
    const timers: (() => void)[] = []
    const limited = createRateLimitedLog(log, { after: (_, callback) => void timers.push(callback) })

    for (let at = 0; at < 5; at++) limited.warn({ at }, 'bad datagram')
    limited.warn({}, 'other')
    expect(said).toEqual([
      [{ at: 0 }, 'bad datagram'],
      [{}, 'other'],
    ])

    for (const timer of timers.splice(0)) timer()
    expect(said.slice(2)).toEqual([[{ at: 4, repeated: 4 }, 'bad datagram']])

    limited.warn({ at: 9 }, 'bad datagram')
    expect(said.at(-1)).toEqual([{ at: 9 }, 'bad datagram'])
  })
})

describe('logFromOtelEnv', () => {
  it.each([
    ['debug', { log: { level: 'debug' } }],
    ['WARNING', { log: { level: 'warn' } }],
    ['nonsense', {}],
    [undefined, {}],
  ])('reads %s', (word, section) => {
    expect(logFromOtelEnv({ OTEL_LOG_LEVEL: word })).toEqual(section)
  })
})
