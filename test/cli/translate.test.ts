import { readFile } from 'node:fs/promises'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { translate } from '../../src/cli/translate.ts'
import { decodeTraces } from '../../src/otlp/decode/traces.ts'
import { tracesToPlain } from '../../src/otlp/encode/json.ts'
import { createTestIo } from './support/test-io.ts'

const fixture = (path: string): URL => new URL(`../../fixtures/${path}`, import.meta.url)

const run = async (from: string, input: Uint8Array | string, to: 'json' | 'proto' = 'json') => {
  const io = createTestIo(Buffer.from(input))
  const code = await translate('-', { from, to }, io)
  return { code, io }
}

describe('translate', () => {
  it.each([
    ['zipkin-json', 'zipkin/brave-6'],
    ['zipkin-proto', 'zipkin/v2-proto'],
    ['zipkin-thrift', 'zipkin/v1-thrift'],
    ['jaeger-thrift-binary', 'jaeger/jaeger-client-go-2.30-http'],
  ])('prints %s as OTLP/JSON', async (format, name) => {
    const { code, io } = await run(format, await readFile(fixture(`${name}/in.bin`)))
    expect(code).toBe(0)
    expect(JSON.parse(io.stdout())).toEqual(JSON.parse(await readFile(fixture(`${name}/out.json`), 'utf8')))
  })

  it('reads a file', async () => {
    const io = createTestIo()
    expect(await translate(fixture('zipkin/v1-json/in.json').pathname, { from: 'zipkin-json', to: 'json' }, io)).toBe(0)
    expect(JSON.parse(io.stdout())).toEqual(JSON.parse(await readFile(fixture('zipkin/v1-json/out.json'), 'utf8')))
  })

  it('writes protobuf', async () => {
    const { io } = await run('zipkin-proto', await readFile(fixture('zipkin/v2-proto/in.bin')), 'proto')
    const expected = JSON.parse(await readFile(fixture('zipkin/v2-proto/out.json'), 'utf8'))
    expect(JSON.parse(JSON.stringify(tracesToPlain(decodeTraces(io.bytes()))))).toEqual(expected)
  })

  it('lists what it had to reject on stderr and ends with 1', async () => {
    const { code, io } = await run('zipkin-json', '[{"traceId":"1","id":"2"},{"traceId":"xyz","id":"3"}]')
    expect(code).toBe(1)
    expect(io.stderr()).toMatch(/^rejected 1 item \(\w+\) at 1: /)
    expect(JSON.parse(io.stdout()).resourceSpans).toHaveLength(1)
  })

  it.each([
    ['zipkin-json', 'hello'],
    ['zipkin-proto', '\xff\xff\xff'],
    ['jaeger-thrift-compact', 'x'],
  ])('throws for %s that cannot be read', async (format, input) => {
    await expect(run(format, Buffer.from(input, 'latin1'))).rejects.toMatchObject({ code: expect.stringMatching(/^OB_(DECODE|LIMIT)_/) })
  })

  it('prints metrics of remote-write, every number and text as it came', async () => {
    const part = (number: number, bytes: Iterable<number>): number[] => [number * 8 + 2, [...bytes].length, ...bytes]
    const label = (name: string, value: string): number[] => part(1, [...part(1, Buffer.from(name)), ...part(2, Buffer.from(value))])
    // A sample of -0 at 1 ms.
    const sample = part(2, [0x09, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x10, 1])
    const odd = '{"a": [1,2], \\"}'
    const series = (...labels: number[][]): number[] => part(1, [...labels.flat(), ...sample])
    const body = [...series(label('__name__', 'up'), label('x', odd)), ...series(label('x', 'nameless'))]
    const { code, io } = await run('remote-write-1', Uint8Array.from(body))
    expect([code, io.stderr()]).toEqual([1, expect.stringMatching(/^rejected 1 item \(\w+\): .*nameless/)])
    const text = io.stdout()
    expect(text).toMatch(/^\{\n {2}"resourceMetrics": \[\n {4}\{\n/)
    expect(text).toMatch(/"asDouble": -0\b/)
    const [metric] = JSON.parse(text).resourceMetrics[0].scopeMetrics[0].metrics
    expect(metric.name).toBe('up')
    expect(metric.gauge.dataPoints[0].attributes).toEqual([{ key: 'x', value: { stringValue: odd } }])
    expect(metric.gauge.dataPoints[0].timeUnixNano).toBe('1000000')
  })

  it('reads UI JSON and documents of Elasticsearch', async () => {
    const trace = { spans: [{ traceID: '1', spanID: '2', processID: 'p' }], processes: { p: { serviceName: 'shop' } } }
    const ui = await run('jaeger-json', JSON.stringify({ data: [trace] }))
    const es = await run('jaeger-es', JSON.stringify({ _source: { traceID: '1', spanID: '2', process: { serviceName: 'shop' } } }))
    expect([ui.code, es.code]).toEqual([0, 0])
    expect(JSON.parse(ui.io.stdout())).toEqual(JSON.parse(es.io.stdout()))
  })

  it.each(['', '[{"traceID":"1","spanID":"2"},]', '[{"traceID":"1","spanID":"2","duration":"long"}]', '{"traceID":"1","spanID":"2"}'])(
    'throws for %j, which is no UI JSON, and names the byte',
    async (text) => {
      await expect(run('jaeger-json', text)).rejects.toMatchObject({ code: 'OB_DECODE_JSON', place: expect.stringMatching(/^byte \d+$/) })
    },
  )

  it('lists a span of several that cannot be read, with its byte, and ends with 1', async () => {
    const { code, io } = await run('jaeger-json', '[{"traceID":"1","spanID":"2"},{"traceID":"1","spanID":"2","duration":"long"}]')
    expect(code).toBe(1)
    expect(io.stderr()).toBe('rejected 1 item (time_unreadable) at 1: span 1 at byte 30: duration is no number\n')
  })

  describe('with --explain', () => {
    const explain = async (from: string, input: string, json = false) => {
      const io = createTestIo(Buffer.from(input))
      const code = await translate('-', { from, to: 'json', explain: true, json }, io)
      return { code, io }
    }

    it.each([
      ['zipkin-json', '[{"traceId":"1","id":"2"},{"traceId":"xyz","id":"3"}]', 'Z-I4'],
      ['jaeger-json', '[{"traceID":"1","spanID":"2"},{"traceID":"xyz","spanID":"3"}]', 'J-I3'],
    ])('prints reasons of %s instead of the request, and ends as without it', async (from, input, rule) => {
      const { code, io } = await explain(from, input)
      expect(code).toBe(1)
      expect(io.stdout()).toContain(`\n  rejected  `)
      expect(io.stdout()).toContain(`\n    ${rule}  `)
      expect(io.stderr()).toBe('rejected 1 of 2 spans\n')
    })

    it('prints a record a line with --json', async () => {
      const { io } = await explain('zipkin-json', '[{"traceId":"1","id":"2"}]', true)
      const records = io
        .stdout()
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line))
      expect(records).toContainEqual(
        expect.objectContaining({ path: 'resourceSpans[0].scopeSpans[0].spans[0].spanId', rule: 'Z-I1', from: ['id'] }),
      )
    })

    it('throws for what cannot be read, as without it', async () => {
      await expect(explain('zipkin-json', 'hello')).rejects.toMatchObject({ code: 'OB_DECODE_JSON' })
    })
  })

  it('refuses --json without --explain', async () => {
    await expect(translate('-', { from: 'zipkin-json', to: 'json', json: true }, createTestIo())).rejects.toThrow(
      '--json belongs to --explain',
    )
  })

  it.each([
    ['a payload', Buffer.from(' '.repeat(2000))],
    ['a gzip file of one', gzipSync(Buffer.alloc(5000))],
  ])('refuses %s above --max-size', async (_name, input) => {
    const io = createTestIo(input)
    await expect(translate('-', { from: 'zipkin-json', to: 'json', maxSize: '1KiB' }, io)).rejects.toThrow(
      'larger than 1024 bytes (--max-size)',
    )
  })

  it('refuses a size that is none', async () => {
    const given = { from: 'zipkin-json', to: 'json', maxSize: 'much' } as const
    await expect(translate('-', given, createTestIo())).rejects.toMatchObject({ code: 'OB_CONFIG', place: '--max-size' })
  })

  it('names the format that was probably meant', async () => {
    await expect(run('zipkin-jsno', '')).rejects.toThrow('did you mean zipkin-json?')
  })

  it('throws OB_INPUT for a file that is not there', async () => {
    await expect(translate('/nowhere/at/all', { from: 'zipkin-json', to: 'json' }, createTestIo())).rejects.toMatchObject({
      code: 'OB_INPUT',
    })
  })

  describe('of a payload that holds several signals', () => {
    const log = '{"create":{"_index":"i"}}\n{"message":"a"}\n'
    const span =
      '{"create":{"_index":"traces-apm-default"}}\n{"@timestamp":"2026-01-02T03:04:05Z","processor":{"event":"transaction"},"trace":{"id":"4bf92f3577b34da6a3ce929d0e0e4736"},"transaction":{"id":"00f067aa0ba902b7","name":"GET /","duration":{"us":5}}}\n'
    const of = async (input: string, options: { to: 'json' | 'proto'; signal?: 'logs' | 'traces' | 'metrics' }) => {
      const io = createTestIo(Buffer.from(input))
      return { code: await translate('-', { from: 'es-bulk', ...options }, io), io }
    }

    it('prints them one after the other', async () => {
      const { code, io } = await of(span + log, { to: 'json' })
      expect([code, io.stdout().match(/^ {2}"resource\w+"/gm)]).toEqual([0, ['  "resourceLogs"', '  "resourceSpans"']])
    })

    it('prints the one that is asked for', async () => {
      const { io } = await of(span + log, { to: 'json', signal: 'traces' })
      expect(Object.keys(JSON.parse(io.stdout()))).toEqual(['resourceSpans'])
      const proto = await of(span + log, { to: 'proto', signal: 'traces' })
      expect(decodeTraces(proto.io.bytes()).resourceSpans.length).toBe(1)
      expect((await of(log, { to: 'proto', signal: 'metrics' })).io.bytes().length).toBe(0)
    })

    it('prints no protobuf of several', async () => {
      await expect(of(span + log, { to: 'proto' })).rejects.toMatchObject({ code: 'OB_CONFIG', place: '--signal' })
      expect((await of(span, { to: 'proto' })).code).toBe(0)
    })
  })
})
