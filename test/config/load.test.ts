import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadConfig, readConfig } from '../../src/config/load.ts'
import { byteSize, duration } from '../../src/config/units.ts'

const schema = z.strictObject({
  ingest: z.strictObject({ zipkin: z.strictObject({ port: z.number().int().min(0).max(65535).default(9411) }).optional() }).optional(),
  emit: z
    .strictObject({
      endpoint: z.url({ protocol: /^https?$/ }).default('http://localhost:4318'),
      headers: z.record(z.string(), z.string()).default({}),
      delay: duration.default(200),
    })
    .prefault({}),
  queue: z.strictObject({ type: z.enum(['disk', 'memory']).default('disk'), maxSize: byteSize.default(1024) }).prefault({}),
})

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'))
})
afterEach(() => rm(folder, { recursive: true }))

/** `env:PORT` → a reference as it stands in a file. */
const ref = (inside: string): string => `$\{${inside}}`

const file = async (text: string): Promise<string> => {
  const path = join(folder, 'bridge.yaml')
  await writeFile(path, text)
  return path
}

const faultsIn = async (text: string, more: { sets?: string[]; env?: Record<string, string> } = {}) => {
  const path = await file(text)
  const { faults } = await readConfig(schema, { file: path, sets: more.sets ?? [], env: more.env ?? {} })
  return faults.map((fault) => ({ ...fault, where: fault.where.replace(path, 'bridge.yaml') }))
}

describe('readConfig', () => {
  it('gives the defaults when nothing is set, frozen all the way down', async () => {
    const { config } = await readConfig(schema, { env: {} })
    expect(config).toEqual({
      emit: { endpoint: 'http://localhost:4318', headers: {}, delay: 200 },
      queue: { type: 'disk', maxSize: 1024 },
    })
    expect(Object.isFrozen(config?.emit.headers)).toBe(true)
  })

  it('lets --set win over the file, the file over the environment, the environment over the default', async () => {
    const path = await file('emit: { endpoint: "http://file:1", delay: 1s }')
    const fromEnv = () => ({ tree: { emit: { endpoint: 'http://env:1', headers: { a: 'b' } } }, faults: [] })
    const { config } = await readConfig(schema, { file: path, sets: ['emit.delay=5s'], env: {}, fromEnv })
    expect(config?.emit).toEqual({ endpoint: 'http://file:1', headers: { a: 'b' }, delay: 5000 })
  })

  it('fills in environment variables, typed when the value stands unquoted', async () => {
    const path = await file(
      `ingest:\n  zipkin:\n    port: ${ref('env:PORT:-9999')}\nemit:\n  headers: { a: "${ref('env:NUM')}", b: "$${ref('env:NUM')}" }\n`,
    )
    const { config } = await readConfig(schema, { file: path, env: { PORT: '9412', NUM: '42' } })
    expect([config?.ingest?.zipkin?.port, config?.emit.headers]).toEqual([9412, { a: '42', b: ref('env:NUM') }])
  })

  it('takes a section without content as an empty section', async () => {
    const path = await file('ingest:\n  zipkin:\n')
    const { config } = await readConfig(schema, { file: path, env: {} })
    expect(config?.ingest).toEqual({ zipkin: { port: 9411 } })
  })

  it('finds all faults at once, each with key, value, expectation and place', async () => {
    const faults = await faultsIn('ingest:\n  zipkin:\n    prot: 1\n    port: 99999\nqueue:\n  type: tape\n  maxSize: big\n')
    expect(faults).toEqual([
      { path: 'ingest.zipkin.prot', value: '1', message: 'unknown key; did you mean port?', where: 'bridge.yaml:3:5' },
      { path: 'ingest.zipkin.port', value: '99999', message: 'expected at most 65535', where: 'bridge.yaml:4:5' },
      { path: 'queue.type', value: '"tape"', message: 'expected one of disk, memory', where: 'bridge.yaml:6:3' },
      {
        path: 'queue.maxSize',
        value: '"big"',
        message: 'expected a size such as 64KiB, 10MiB or 1GB, or a number of bytes',
        where: 'bridge.yaml:7:3',
      },
    ])
  })

  it('names the known keys when none is near', async () => {
    expect(await faultsIn('banana: 1')).toMatchObject([{ message: 'unknown key; known here: ingest, emit, queue' }])
  })

  it('says that a fault came from --set', async () => {
    expect(await faultsIn('', { sets: ['ingest.zipkin.port=x', 'nonsense'] })).toEqual([
      { path: 'nonsense', value: '', message: 'expected --set section.key=value', where: '--set' },
      { path: 'ingest.zipkin.port', value: '"x"', message: 'expected a number', where: '--set' },
    ])
  })

  it('tells of environment variables that cannot be used', async () => {
    const fromEnv = () => ({ tree: {}, faults: [{ name: 'OTEL_EXPORTER_OTLP_TIMEOUT', message: 'expected a number of milliseconds' }] })
    const { faults } = await readConfig(schema, { env: {}, fromEnv })
    expect(faults).toEqual([
      { path: 'OTEL_EXPORTER_OTLP_TIMEOUT', value: '', message: 'expected a number of milliseconds', where: 'environment' },
    ])
  })

  it('keeps the text of --set where a text is wanted', async () => {
    const { config } = await readConfig(schema, { sets: ['emit.headers.tenant=007', 'ingest.zipkin.port=0'], env: {} })
    expect([config?.emit.headers, config?.ingest?.zipkin?.port]).toEqual([{ tenant: '007' }, 0])
  })

  it('never shows a secret', async () => {
    const faults = await faultsIn('emit: { endpoint: "ftp://user:hunter2@host", headers: { authorization: 5 } }')
    expect(faults.map((fault) => fault.value)).toEqual(['"ftp://***@host"', '***'])
    expect(JSON.stringify(faults)).not.toContain('hunter2')
  })

  it.each([
    ['a syntax fault', 'emit: { endpoint: "http', /line|quote|end/i],
    ['a key given twice', 'emit: {}\nemit: {}', /unique/],
    ['a list at the top', '- a', /expected sections/],
    ['a reference that cannot be read', `emit: { endpoint: "${ref('cmd:ls')}" }`, /cannot read the reference/],
  ])('tells of %s', async (_, text, message) => {
    const faults = await faultsIn(text)
    expect(faults.length).toBeGreaterThan(0)
    expect(faults[0]?.message).toMatch(message)
  })

  it('refuses aliases that unfold without end', async () => {
    let text = 'a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n'
    for (let at = 1; at < 8; at++)
      text += `a${at}: &a${at} [${Array(10)
        .fill(`*a${at - 1}`)
        .join(',')}]\n`
    expect((await faultsIn(text)).some((fault) => fault.message.includes('unfolds'))).toBe(true)
  })

  it('holds a key named __proto__ to be unknown like any other', async () => {
    expect(await faultsIn('__proto__: { polluted: 1 }')).toMatchObject([{ path: '__proto__' }])
    expect(({} as { polluted?: number }).polluted).toBeUndefined()
  })
})

describe('loadConfig', () => {
  it('throws OB_CONFIG with every fault in the message', async () => {
    const path = await file('banana: 1\nqueue: { type: tape }')
    const loading = loadConfig(schema, { file: path, env: {} })
    await expect(loading).rejects.toMatchObject({ code: 'OB_CONFIG' })
    await expect(loading).rejects.toThrow(/2 faults[\s\S]*banana[\s\S]*queue\.type/)
  })

  it('throws OB_CONFIG for a file that is not there', async () => {
    await expect(loadConfig(schema, { file: join(folder, 'none.yaml'), env: {} })).rejects.toMatchObject({ code: 'OB_CONFIG' })
  })
})
