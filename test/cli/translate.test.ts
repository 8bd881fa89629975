import { readFile } from 'node:fs/promises'
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

  it('names the format that was probably meant', async () => {
    await expect(run('zipkin-jsno', '')).rejects.toThrow('did you mean zipkin-json?')
  })

  it('throws OB_INPUT for a file that is not there', async () => {
    await expect(translate('/nowhere/at/all', { from: 'zipkin-json', to: 'json' }, createTestIo())).rejects.toMatchObject({
      code: 'OB_INPUT',
    })
  })
})
