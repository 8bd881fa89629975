/** What the page on back-fills shows is what its sources take. */

import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { parseSourceOptions, sourceFlags } from '../../src/backfill/source-options.ts'
import { sourceEntries } from '../../src/backfill/sources.ts'
import { addRunFlags } from '../../src/cli/backfill-flags.ts'
import { chooseSource, readSourceWords, sourceHelp } from '../../src/cli/backfill-source.ts'
import { createTestIo } from './support/test-io.ts'

const page = readFileSync(new URL('../../docs/backfill.md', import.meta.url), 'utf8')
const names = Object.keys(sourceEntries)

const lines = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .flatMap((line) => /^otlp-bridge backfill (\S+) ?(.*)$/.exec(line.replace(/ +#.*$/, ''))?.slice(1) ?? [])

const commands = lines.flatMap((name, at) => (at % 2 === 0 && names.includes(name) ? [[name, lines[at + 1] ?? ''] as const] : []))

const wordsOf = (line: string): string[] => [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '')

describe('commands of docs/backfill.md', () => {
  it.each(commands)('backfill %s %s', async (name, line) => {
    const run = addRunFlags(new Command('backfill'))
      .option('-c, --config <file>')
      .argument('[words...]')
      .allowUnknownOption()
      .exitOverride()
    run.parse(wordsOf(line), { from: 'user' })
    const chosen = await chooseSource(name)
    const { given, args } = readSourceWords(chosen, run.args, createTestIo())
    expect(() => parseSourceOptions(name, chosen.kind, given)).not.toThrow()
    expect(args.length > 0).toBe(chosen.kind.argument !== undefined)
  })

  it('are there for every source', () => {
    expect(new Set(commands.map(([name]) => name))).toEqual(new Set(names))
  })
})

describe('flags of sources', () => {
  const common = new Set(
    addRunFlags(new Command('x'))
      .options.map(({ long }) => long)
      .concat('--config', '--set', '--json', '--run', '--deep', '--read-back', '--new', '--new-kind', '--new-header', '--help'),
  )

  it.each(names)('%s: none is called as one of every run, and each says what it is', async (name) => {
    const { kind } = await chooseSource(name)
    const flags = sourceFlags(kind)
    expect(flags.filter(({ flag }) => common.has(flag)).map(({ flag }) => flag)).toEqual([])
    expect(flags.filter(({ description }) => description === '').map(({ flag }) => flag)).toEqual([])
  })

  it.each(names)('%s: its help names them all', async (name) => {
    const chosen = await chooseSource(name)
    const help = sourceHelp(chosen)
    for (const { flag } of sourceFlags(chosen.kind)) expect(help).toContain(flag)
    expect(help).toContain('--since <time>')
  })
})

describe('readSourceWords', () => {
  it('reads numbers, lists and switches, and only what was given', async () => {
    const chosen = await chooseSource('jaeger-query')
    const words = ['--url', 'http://a', '--limit=7', '--header', 'a: b', '--header', 'c: d', '--gzip']
    expect(readSourceWords(chosen, words, createTestIo()).given).toEqual({
      url: 'http://a',
      limit: 7,
      header: ['a: b', 'c: d'],
      gzip: true,
    })
  })

  it('leaves what is no number to the schema, which names the flag', async () => {
    const chosen = await chooseSource('jaeger-query')
    const { given } = readSourceWords(chosen, ['--url', 'http://a', '--limit', 'many'], createTestIo())
    expect(() => parseSourceOptions('jaeger-query', chosen.kind, given)).toThrow(/--limit: /)
  })

  it('says on stderr what is wrong', async () => {
    const io = createTestIo()
    const chosen = await chooseSource('jaeger-query')
    expect(() => readSourceWords(chosen, ['--uri', 'http://a'], io)).toThrow()
    expect(io.stderr()).toContain("unknown option '--uri'")
  })
})
