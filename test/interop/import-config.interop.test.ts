import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { checkConfig } from '../../src/cli/check-config.ts'
import { importConfig } from '../../src/cli/import-config.ts'
import type { Finding } from '../../src/import-config/draft.ts'
import { createTestIo } from '../cli/support/test-io.ts'

/** The files that Jaeger v2 is released with, in Go's module cache where a peer was built from it; read in place. */
function released(): string[] {
  let cache = ''
  try {
    cache = execFileSync('go', ['env', 'GOMODCACHE'], { encoding: 'utf8' }).trim()
  } catch {
    console.warn('SKIPPED: no Go, so no module cache with the configuration files of Jaeger v2')
    return []
  }
  const folder = join(cache, 'github.com/jaegertracing/jaeger@v1.76.0/cmd/jaeger')
  if (!existsSync(folder)) {
    console.warn(`SKIPPED: no configuration files of Jaeger v2 at ${folder}`)
    return []
  }
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(folder, name))
}

type Section = Readonly<Record<string, unknown>>
const isSection = (value: unknown): value is Section => typeof value === 'object' && value !== null && !Array.isArray(value)

/** Paths of all values below a section; of an empty one, its own. */
const leaves = (value: unknown, path: string): string[] =>
  isSection(value) && Object.keys(value).length > 0 ? Object.entries(value).flatMap(([key, one]) => leaves(one, `${path}.${key}`)) : [path]

/** Settings that stand in the result under another setting's finding. */
const together: Readonly<Record<string, string>> = {
  'receivers.kafka.encoding': 'receivers.kafka.topic',
}

const files = released()
const folder = await mkdtemp(join(tmpdir(), 'otlp-bridge-interop-'))
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(files)('import-config of %s', (file) => {
  it('gives a configuration that check-config accepts', async () => {
    const io = createTestIo()
    const code = await importConfig([file], {}, io)
    // Jaeger v2 stores what it receives: where OTLP goes is always left to the user.
    expect(code).toBe(1)
    expect(io.stderr()).toContain('emit.endpoint')
    expect(io.stderr()).not.toContain('the result still has faults')
    const result = join(folder, 'result.yaml')
    await writeFile(result, io.stdout())
    const checked = createTestIo()
    expect([await checkConfig({ config: result }, checked), checked.stderr()]).toEqual([0, `${result}: no faults\n`])
  })

  it('says of each part in use what became of it', async () => {
    const io = createTestIo()
    await importConfig([file], { json: true }, io)
    const { findings } = JSON.parse(io.stdout()) as { findings: Finding[] }
    const told = (path: string): boolean => findings.some(({ from }) => path === from || path.startsWith(`${from}.`))
    const source = parse(readFileSync(file, 'utf8')) as Section
    const service = source['service'] as { extensions: string[]; pipelines: Record<string, Record<string, string[]>> }
    const used = [
      ...service.extensions.map((name) => ['extensions', name] as const),
      ...Object.values(service.pipelines).flatMap((pipeline) =>
        Object.entries(pipeline).flatMap(([kind, names]) => names.map((name) => [kind, name] as const)),
      ),
    ]
    expect(used.length).toBeGreaterThan(2)
    const settings = used.flatMap(([kind, name]) => leaves((source[kind] as Section | undefined)?.[name], `${kind}.${name}`))
    expect(settings.filter((path) => !told(together[path] ?? path))).toEqual([])
  })
})

describe.skipIf(files.length === 0)('the files of Jaeger v2', () => {
  it('are there', () => {
    expect(files.length).toBeGreaterThan(10)
  })
})
